#include "ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"

namespace bulkhead
{

static_assert(std::atomic<__u64>::is_always_lock_free &&
		      sizeof(std::atomic<__u64>) == sizeof(__u64),
	      "the consumer position is shared with the kernel");

Ring::Ring(int mapFd, __u64 bytes)
    : mapFd_(mapFd), bytes_(bytes), pageBytes_(sysconf(_SC_PAGESIZE))
{
	void *page = mmap(nullptr, pageBytes_, PROT_READ | PROT_WRITE,
			  MAP_SHARED, mapFd, 0);
	if (page == MAP_FAILED)
		throwErrno("SYSTEM", "cannot map a ring");
	// The producer's page, and the data twice, so that a record never
	// wraps.
	void *data = mmap(nullptr, pageBytes_ + 2 * bytes, PROT_READ,
			  MAP_SHARED, mapFd, pageBytes_);
	if (data == MAP_FAILED) {
		int error = errno;
		munmap(page, pageBytes_);
		throwErrno("SYSTEM", "cannot map a ring", error);
	}
	consumer_ = static_cast<std::atomic<__u64> *>(page);
	producer_ = static_cast<const char *>(data);
}

Ring::~Ring()
{
	munmap(consumer_, pageBytes_);
	munmap(const_cast<char *>(producer_), pageBytes_ + 2 * bytes_);
}

std::optional<Record> Ring::at(__u64 position) const
{
	if (position >= produced())
		return std::nullopt;
	const char *header = producer_ + pageBytes_ + (position & (bytes_ - 1));
	__u32 length = __atomic_load_n(reinterpret_cast<const __u32 *>(header),
				       __ATOMIC_ACQUIRE);
	if (length & BPF_RINGBUF_BUSY_BIT)
		return std::nullopt;
	Record record;
	record.discarded = length & BPF_RINGBUF_DISCARD_BIT;
	record.length = length & ~BPF_RINGBUF_DISCARD_BIT;
	record.data = header + BPF_RINGBUF_HDR_SZ;
	record.end = position +
		     ((__u64{record.length} + BPF_RINGBUF_HDR_SZ + 7) & ~7ull);
	return record;
}

__u64 Ring::produced() const
{
	return __atomic_load_n(reinterpret_cast<const __u64 *>(producer_),
			       __ATOMIC_ACQUIRE);
}

__u64 Ring::committed() const
{
	return consumer_->load(std::memory_order_acquire);
}

void Ring::commit(__u64 position)
{
	consumer_->store(position, std::memory_order_release);
}

} // namespace bulkhead
