// The thread that reads the rings, encodes batches and hands them on.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "batch.h"
#include "facts.h"
#include "ring.h"
#include "unique_fd.h"

namespace bulkhead
{

// The rings that become batches, in order of precedence.
enum Source { kAlerts, kTelemetry, kSources };

constexpr const char *kSourceNames[kSources] = {"alerts", "telemetry"};

struct BatchMessage {
	Source source;
	__u32 eventCount;
	__u64 firstTimeNs, lastTimeNs;
	std::string payload;
	__u64 instance, position;
};

struct CgroupMessage {
	__u32 kind;
	__u64 cgroup, parent;
	std::string path;
};

// How much the other thread has not taken yet. Shared, because what is queued
// for JavaScript can outlive the reader.
struct Backlog {
	std::atomic<int> batches[kSources] = {};
	std::atomic<int> cgroups = 0;
	std::atomic<bool> stopped = false;
	UniqueFd wakeup;

	Backlog();
	void wake();
};

// Called on the reader's thread; must not throw, must not block.
class Sink
{
      public:
	virtual ~Sink() = default;
	virtual void take(std::unique_ptr<BatchMessage> batch) = 0;
	virtual void take(std::unique_ptr<CgroupMessage> event) = 0;
};

struct ReaderOptions {
	std::chrono::milliseconds flush;
	size_t maxBatchBytes;
	__u64 instance;
	std::array<__u64, kSources> positions;
};

class Reader
{
      public:
	// Everything but options outlives it. Starts the thread. SYSTEM
	Reader(std::array<Ring *, kSources> rings, Ring &cgroups, Facts &facts,
	       Sink &sink, std::shared_ptr<Backlog> backlog,
	       const ReaderOptions &options);
	// Ends the thread.
	~Reader();

	// Up to where batches were handed on.
	__u64 delivered(Source source) const
	{
		return delivered_[source];
	}
	__u64 malformed() const
	{
		return malformed_;
	}

      private:
	using Clock = std::chrono::steady_clock;

	void watch(int fd);
	void run();
	void wait();
	bool readBatch(Source source);
	void deliver(Source source);
	void skip(Source source);
	void readCgroups();

	std::array<Ring *, kSources> rings_;
	Ring &cgroupRing_;
	Facts &facts_;
	Sink &sink_;
	std::shared_ptr<Backlog> backlog_;
	ReaderOptions options_;
	ProcessCache processes_;
	std::array<BatchBuilder, kSources> builders_;
	std::array<__u64, kSources> read_;
	std::array<std::atomic<__u64>, kSources> delivered_;
	std::atomic<__u64> malformed_ = 0;
	Clock::time_point telemetrySince_;
	UniqueFd epoll_;
	std::thread thread_;
};

} // namespace bulkhead
