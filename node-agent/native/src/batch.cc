#include "batch.h"

#include <time.h>

#include <cstring>
#include <iterator>

namespace bulkhead
{
namespace
{

// Tag and length of a dictionary element, at most.
constexpr size_t kElementOverhead = 6;
// Only exits are looked up: losing the cache costs their executable.
constexpr size_t kProcessesMax = 65536;
constexpr size_t kNameBytesMax = 15;

const char *const kUndecidedNames[] = {
#define X(name) #name,
	BH_UNDECIDED_REASONS(X)
#undef X
};

__u64 clockNs(clockid_t clock)
{
	timespec now;
	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

std::string_view baseName(std::string_view path)
{
	return path.substr(path.rfind('/') + 1).substr(0, kNameBytesMax);
}

} // namespace

void ProcessCache::set(const bh_event &event, std::string_view executable)
{
	if (processes_.size() >= kProcessesMax)
		processes_.clear();
	processes_[event.pid] = {event.start_boottime_ns,
				 std::string(executable)};
}

std::string_view ProcessCache::find(__u32 pid, __u64 startBoottimeNs) const
{
	auto entry = processes_.find(pid);
	if (entry == processes_.end() ||
	    entry->second.startBoottimeNs != startBoottimeNs)
		return "";
	return entry->second.executable;
}

void ProcessCache::erase(__u32 pid)
{
	processes_.erase(pid);
}

// bulkhead.v1.Credentials
static std::string credentials(const bh_event &event)
{
	MessageWriter out;
	out.number(1, event.real_user_id);
	out.number(2, event.real_group_id);
	out.number(3, event.effective_capabilities);
	out.number(4, event.permitted_capabilities);
	return out.encoded();
}

// A record and what follows it.
struct BatchBuilder::View {
	bh_event event;
	std::string_view executable, args, parentExecutable, directory, target,
		other;
};

BatchBuilder::BatchBuilder(const Facts &facts, ProcessCache &processes)
    : facts_(facts), processes_(processes)
{
	reset();
}

void BatchBuilder::reset()
{
	events_.clear();
	eventCount_ = 0;
	firstTimeNs_ = lastTimeNs_ = 0;
	clockOffsetNs_ = clockNs(CLOCK_REALTIME) - clockNs(CLOCK_BOOTTIME);
	strings_.assign(1, "");
	stringIndexes_ = {{"", 0}};
	containers_.assign(1, nullptr);
	containerIndexes_.clear();
	responses_.clear();
	responseIndexes_.clear();
	dictionaryBytes_ = 2 * kElementOverhead;
}

bool BatchBuilder::add(const void *record, __u32 length)
{
	View view;
	if (length < sizeof(view.event))
		return false;
	memcpy(&view.event, record, sizeof(view.event));
	const bh_event &event = view.event;
	size_t tail = size_t{event.path_length} + event.args_length +
		      event.parent_path_length + event.directory_length +
		      event.target_path_length + event.other_path_length;
	if (event.kind < BH_EVENT_FORK || event.kind > BH_EVENT_SESSION ||
	    tail > length - sizeof(event))
		return false;
	const char *data = static_cast<const char *>(record) + sizeof(event);
	auto next = [&data](size_t length) {
		std::string_view part(data, length);
		data += length;
		return part;
	};
	view.executable = next(event.path_length);
	view.args = next(event.args_length);
	view.parentExecutable = next(event.parent_path_length);
	view.directory = next(event.directory_length);
	view.target = next(event.target_path_length);
	view.other = next(event.other_path_length);
	if (event.kind == BH_EVENT_EXIT)
		view.executable =
			processes_.find(event.pid, event.start_boottime_ns);

	lastTimeNs_ = event.time_boottime_ns + clockOffsetNs_;
	if (!eventCount_++)
		firstTimeNs_ = lastTimeNs_;
	MessageWriter out;
	out.number(1, event.kind);
	out.number(2, lastTimeNs_);
	out.number(3, event.verdict);
	out.number(4, event.actions);
	out.packed(5, responses(event));
	out.number(6, container(event.container));
	out.number(7, event.cgroup);
	out.number(8, event.cpu);
	out.number(9, event.cpu_sequence);
	addProcess(out, view);
	out.packed(11, undecided(event.undecided));
	out.number(12, event.operations);
	if (event.kind == BH_EVENT_LOAD || event.kind == BH_EVENT_FILE)
		addFile(out, view);
	out.number(14, event.suppressed);
	events_.bytes(4, out.encoded());

	if (event.kind == BH_EVENT_EXIT)
		processes_.erase(event.pid);
	else if (event.kind == BH_EVENT_FORK ||
		 (event.kind == BH_EVENT_EXEC &&
		  event.verdict != BH_VERDICT_DENIED))
		processes_.set(event, view.executable);
	return true;
}

void BatchBuilder::addProcess(MessageWriter &out, const View &view)
{
	const bh_event &event = view.event;
	std::string_view name(event.name,
			      strnlen(event.name, sizeof(event.name)));
	// A denied image never gave the process its name.
	if (event.kind == BH_EVENT_EXEC && event.verdict == BH_VERDICT_DENIED)
		name = baseName(view.executable);
	MessageWriter process;
	process.number(1, event.pid);
	process.number(2, event.parent_pid);
	process.number(3, event.session_leader_pid);
	process.number(4, event.start_boottime_ns);
	process.number(5, event.parent_start_boottime_ns);
	process.number(6, event.user_id);
	process.number(7, event.group_id);
	process.number(8, string(view.executable));
	process.number(9, string(name));
	process.packed(10, arguments(view));
	process.number(11, !!(event.flags & BH_EVENT_ARGS_TRUNCATED));
	process.number(12, event.origin);
	process.number(13, event.inode);
	process.number(14, event.mode);
	process.number(15, string(view.parentExecutable));
	process.number(16, event.exit_status >> 8 & 0xff);
	process.number(17, event.exit_status & 0x7f);
	process.number(18, event.run_time_ns);
	process.number(19, event.namespace_pid);
	process.number(20, !!(event.flags & BH_EVENT_INTERACTIVE));
	process.number(21, event.terminal_major);
	process.number(22, event.terminal_minor);
	process.bytes(23, credentials(event));
	process.number(24, string(view.directory));
	process.number(25, !!(event.flags & BH_EVENT_UNLINKED));
	process.number(26, !!(event.session_change & BH_SESSION_CHANGE_LEADER));
	process.number(27,
		       !!(event.session_change & BH_SESSION_CHANGE_TERMINAL));
	out.bytes(10, process.encoded());
}

void BatchBuilder::addFile(MessageWriter &out, const View &view)
{
	const bh_event &event = view.event;
	MessageWriter file;
	file.number(1, string(view.target));
	file.number(2, string(view.other));
	file.number(3, event.target_inode);
	file.number(4, event.target_mode);
	file.number(5, event.target_origin);
	file.number(6, event.target_volume);
	file.number(7, event.open_flags);
	file.number(8, event.new_mode);
	out.bytes(13, file.encoded());
}

std::vector<uint32_t> BatchBuilder::arguments(const View &view)
{
	std::vector<uint32_t> indexes;
	std::string_view rest = view.args;
	while (!rest.empty()) {
		size_t end = rest.find('\0');
		indexes.push_back(string(rest.substr(0, end)));
		if (end == std::string_view::npos)
			break;
		rest.remove_prefix(end + 1);
	}
	return indexes;
}

uint32_t BatchBuilder::string(std::string_view value)
{
	auto [entry, isNew] =
		stringIndexes_.try_emplace(std::string(value), strings_.size());
	if (isNew) {
		strings_.push_back(entry->first);
		dictionaryBytes_ += value.size() + kElementOverhead;
	}
	return entry->second;
}

uint32_t BatchBuilder::container(__u64 id)
{
	auto known = containerIndexes_.find(id);
	if (known != containerIndexes_.end())
		return known->second;
	Encoded facts = facts_.container(id);
	uint32_t index = facts ? containers_.size() : 0;
	if (facts) {
		dictionaryBytes_ += facts->size() + kElementOverhead;
		containers_.push_back(std::move(facts));
	}
	containerIndexes_[id] = index;
	return index;
}

std::vector<uint32_t> BatchBuilder::responses(const bh_event &event)
{
	std::vector<uint32_t> indexes;
	for (unsigned int i = 0; i < BH_RESPONSES_MAX; i++) {
		if (!(event.fired >> i & 1))
			continue;
		__u64 key = __u64{event.set} * BH_RESPONSES_MAX + i;
		auto [entry, isNew] =
			responseIndexes_.try_emplace(key, responses_.size());
		if (isNew) {
			Encoded response = facts_.response(event.set, i);
			dictionaryBytes_ += kElementOverhead +
					    (response ? response->size() : 0);
			responses_.push_back(std::move(response));
		}
		indexes.push_back(entry->second);
	}
	return indexes;
}

std::vector<uint32_t> BatchBuilder::undecided(__u32 reasons)
{
	std::vector<uint32_t> indexes;
	for (size_t i = 0; i < std::size(kUndecidedNames); i++)
		if (reasons >> i & 1)
			indexes.push_back(string(kUndecidedNames[i]));
	return indexes;
}

std::string BatchBuilder::take()
{
	MessageWriter out;
	for (const std::string &value : strings_)
		out.bytes(1, value);
	// What nobody told of (any more) is an empty message.
	for (const Encoded &facts : containers_)
		out.bytes(2, facts ? std::string_view(*facts) : "");
	for (const Encoded &response : responses_)
		out.bytes(3, response ? std::string_view(*response) : "");
	out.append(events_.encoded());
	reset();
	return out.encoded();
}

} // namespace bulkhead
