// Attached programs, their tables and the reader; without JavaScript.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "facts.h"
#include "hooks.h"
#include "pins.h"
#include "reader.h"
#include "ring.h"
#include "tables.h"

namespace bulkhead
{

struct OpenOptions {
	std::string objectPath, version, pinDirectory;
	std::vector<std::string> backends;
	std::vector<unsigned int> hostNamespaces;
	__u64 startInstance;
	std::array<__u64, kSources> startPositions;
};

// Every method but the constructor throws CLOSED after close().
class Engine
{
      public:
	explicit Engine(const OpenOptions &options);

	bool adopted() const;
	bool supersedes() const;
	const std::vector<HookStatus> &hooks() const;
	__u64 ringInstance() const;
	bool removeSuperseded();
	Tables &tables();
	void setPolicySet(__u32 id, const bh_policy_set &set,
			  std::string_view automaton,
			  std::vector<Encoded> responses);
	void tellResponses(__u32 id, std::vector<Encoded> responses);
	void deletePolicySet(__u32 id);
	void setContainer(const bh_container &container,
			  const std::vector<__u64> &nested, Encoded facts);
	void deleteContainer(__u64 id);
	void start(std::unique_ptr<Sink> sink, std::shared_ptr<Backlog> backlog,
		   std::chrono::milliseconds flush, size_t maxBatchBytes);
	bool started() const;
	void commit(Source source, __u64 position);
	std::map<std::string, __u64> counters();
	std::vector<Comparison> comparisons();
	void stop();
	void detach();
	void close();

      private:
	struct State;

	State &state() const;

	std::unique_ptr<State> state_;

      public:
	~Engine();
};

} // namespace bulkhead
