// Turns ring records into a bulkhead.v1.EventBatch.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "abi.h"
#include "facts.h"
#include "protobuf.h"

namespace bulkhead
{

// The executable of processes whose exec was seen, for their exit.
class ProcessCache
{
      public:
	void set(const bh_event &event, std::string_view executable);
	std::string_view find(__u32 pid, __u64 startBoottimeNs) const;
	void erase(__u32 pid);

      private:
	struct Process {
		__u64 startBoottimeNs;
		std::string executable;
	};
	std::unordered_map<__u32, Process> processes_;
};

class BatchBuilder
{
      public:
	// Both must outlive it.
	BatchBuilder(const Facts &facts, ProcessCache &processes);

	// False: malformed, nothing was added.
	bool add(const void *record, __u32 length);
	bool empty() const
	{
		return eventCount_ == 0;
	}
	__u32 eventCount() const
	{
		return eventCount_;
	}
	// Of the encoded batch, not less than it will be.
	size_t bytes() const
	{
		return events_.size() + dictionaryBytes_;
	}
	__u64 firstTimeNs() const
	{
		return firstTimeNs_;
	}
	__u64 lastTimeNs() const
	{
		return lastTimeNs_;
	}
	// The whole message; the builder is empty afterwards.
	std::string take();

      private:
	struct View;

	void reset();
	void addProcess(MessageWriter &out, const View &view);
	void addFile(MessageWriter &out, const View &view);
	std::vector<uint32_t> arguments(const View &view);
	uint32_t string(std::string_view value);
	uint32_t container(__u64 id);
	std::vector<uint32_t> responses(const bh_event &event);
	std::vector<uint32_t> undecided(__u32 reasons);

	const Facts &facts_;
	ProcessCache &processes_;
	MessageWriter events_;
	__u32 eventCount_;
	__u64 firstTimeNs_, lastTimeNs_;
	// CLOCK_REALTIME - CLOCK_BOOTTIME when the batch was begun.
	__u64 clockOffsetNs_;
	size_t dictionaryBytes_;
	std::vector<std::string> strings_;
	std::unordered_map<std::string, uint32_t> stringIndexes_;
	std::vector<Encoded> containers_;
	std::unordered_map<__u64, uint32_t> containerIndexes_;
	std::vector<Encoded> responses_;
	std::unordered_map<__u64, uint32_t> responseIndexes_;
};

} // namespace bulkhead
