#include "reader.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>

#include "error.h"

namespace bulkhead
{
namespace
{

// Beyond these the rings keep what comes, and the kernel counts what they
// cannot.
constexpr int kBatchBacklogMax = 16;
constexpr int kCgroupBacklogMax = 1024;

} // namespace

Backlog::Backlog() : wakeup(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK))
{
	if (wakeup.get() < 0)
		throwErrno("SYSTEM", "cannot make an eventfd");
}

void Backlog::wake()
{
	eventfd_write(wakeup.get(), 1);
}

Reader::Reader(std::array<Ring *, kSources> rings, Ring &cgroups, Facts &facts,
	       Sink &sink, std::shared_ptr<Backlog> backlog,
	       const ReaderOptions &options)
    : rings_(rings), cgroupRing_(cgroups), facts_(facts), sink_(sink),
      backlog_(std::move(backlog)),
      options_(options), builders_{BatchBuilder(facts, processes_),
				   BatchBuilder(facts, processes_)},
      read_(options.positions), epoll_(epoll_create1(EPOLL_CLOEXEC))
{
	for (int source = 0; source < kSources; source++)
		delivered_[source] = read_[source];
	if (epoll_.get() < 0)
		throwErrno("SYSTEM", "cannot make an epoll");
	for (Ring *ring : rings_)
		watch(ring->mapFd());
	watch(cgroupRing_.mapFd());
	watch(backlog_->wakeup.get());
	thread_ = std::thread([this] { run(); });
}

Reader::~Reader()
{
	backlog_->stopped = true;
	backlog_->wake();
	thread_.join();
}

// Edge-triggered: a ring with records that are read but not committed stays
// readable all the time.
void Reader::watch(int fd)
{
	epoll_event event = {};
	event.events = EPOLLIN | EPOLLET;
	if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
		throwErrno("SYSTEM", "cannot watch a ring");
}

void Reader::run()
{
	prctl(PR_SET_NAME, "bulkhead-reader");
	while (!backlog_->stopped) {
		readCgroups();
		// One batch of telemetry between two looks at the alerts.
		bool more = true;
		while (more && !backlog_->stopped) {
			while (readBatch(kAlerts))
				;
			deliver(kAlerts);
			more = readBatch(kTelemetry);
		}
		if (Clock::now() - telemetrySince_ >= options_.flush)
			deliver(kTelemetry);
		facts_.passed({delivered_[kAlerts], delivered_[kTelemetry]});
		wait();
	}
}

// The telemetry ring does not wake us unless it fills: look by ourselves.
void Reader::wait()
{
	auto timeout = options_.flush;
	if (!builders_[kTelemetry].empty()) {
		auto since =
			std::chrono::duration_cast<std::chrono::milliseconds>(
				Clock::now() - telemetrySince_);
		timeout =
			std::max(timeout - since, std::chrono::milliseconds(1));
	}
	epoll_event events[8];
	epoll_wait(epoll_.get(), events, 8, timeout.count());
	eventfd_t ignored;
	eventfd_read(backlog_->wakeup.get(), &ignored);
}

// True: a batch was full and is handed on, more may wait.
bool Reader::readBatch(Source source)
{
	BatchBuilder &builder = builders_[source];
	while (backlog_->batches[source] < kBatchBacklogMax) {
		std::optional<Record> record =
			rings_[source]->at(read_[source]);
		if (!record)
			break;
		if (source == kTelemetry && builder.empty())
			telemetrySince_ = Clock::now();
		if (!record->discarded &&
		    !builder.add(record->data, record->length))
			malformed_++;
		read_[source] = record->end;
		if (builder.bytes() >= options_.maxBatchBytes) {
			deliver(source);
			return true;
		}
	}
	if (builder.empty())
		skip(source);
	return false;
}

void Reader::deliver(Source source)
{
	BatchBuilder &builder = builders_[source];
	if (builder.empty())
		return;
	auto batch = std::make_unique<BatchMessage>();
	batch->source = source;
	batch->eventCount = builder.eventCount();
	batch->firstTimeNs = builder.firstTimeNs();
	batch->lastTimeNs = builder.lastTimeNs();
	batch->payload = builder.take();
	batch->instance = options_.instance;
	batch->position = read_[source];
	delivered_[source] = read_[source];
	backlog_->batches[source]++;
	sink_.take(std::move(batch));
}

// Records that give no event have no batch that could commit them. Only when
// nothing before them waits for its own commit.
void Reader::skip(Source source)
{
	if (read_[source] == delivered_[source] ||
	    rings_[source]->committed() != delivered_[source])
		return;
	delivered_[source] = read_[source];
	rings_[source]->commit(read_[source]);
}

void Reader::readCgroups()
{
	while (backlog_->cgroups < kCgroupBacklogMax) {
		__u64 position = cgroupRing_.committed();
		std::optional<Record> record = cgroupRing_.at(position);
		if (!record)
			return;
		bh_cgroup_event event;
		if (!record->discarded && record->length >= sizeof(event)) {
			memcpy(&event, record->data, sizeof(event));
			auto message = std::make_unique<CgroupMessage>();
			message->kind = event.kind;
			message->cgroup = event.cgroup;
			message->parent = event.parent;
			message->path.assign(
				static_cast<const char *>(record->data) +
					sizeof(event),
				std::min<size_t>(event.path_length,
						 record->length -
							 sizeof(event)));
			backlog_->cgroups++;
			sink_.take(std::move(message));
		}
		cgroupRing_.commit(record->end);
	}
}

} // namespace bulkhead
