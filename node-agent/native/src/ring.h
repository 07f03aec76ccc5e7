// A consumer of one BPF ring buffer that reads ahead of what it gives back: the
// kernel keeps every record until commit(), also over the death of this
// process. (libbpf's consumer gives each record back as soon as its callback
// returns.)
#pragma once

#include <linux/types.h>

#include <atomic>
#include <optional>

namespace bulkhead
{

struct Record {
	const void *data;
	__u32 length;
	// Where the next record begins.
	__u64 end;
	bool discarded;
};

class Ring
{
      public:
	// mapFd stays the caller's. SYSTEM
	Ring(int mapFd, __u64 bytes);
	~Ring();
	Ring(const Ring &) = delete;
	Ring &operator=(const Ring &) = delete;

	// The record at position, if the kernel has finished it.
	std::optional<Record> at(__u64 position) const;
	__u64 produced() const;
	__u64 committed() const;
	void commit(__u64 position);
	int mapFd() const
	{
		return mapFd_;
	}

      private:
	int mapFd_;
	__u64 bytes_;
	long pageBytes_;
	std::atomic<__u64> *consumer_;
	const char *producer_;
};

} // namespace bulkhead
