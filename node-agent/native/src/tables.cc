#include "tables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <numeric>
#include <unordered_set>

#include "automaton.h"
#include "error.h"

namespace bulkhead
{
namespace
{

const char *const kCounterNames[] = {
#define X(name) #name,
	BH_COUNTERS(X)
#undef X
};

UniqueFd openPin(const std::string &directory, const char *name)
{
	std::string path = directory + "/map_" + name;
	UniqueFd fd(bpf_obj_get(path.c_str()));
	if (fd.get() < 0)
		throwErrno("SYSTEM", "cannot open " + path);
	return fd;
}

// Hash maps are read by buckets, many at a time: 10 000 entries take 1 ms, key
// by key 20.
constexpr size_t kBatchBytes = 256 * 1024;

template <typename Key, typename Value> struct Entry {
	Key key;
	Value value;
};

// What the kernel adds or removes meanwhile may be among them or not.
template <typename Key, typename Value>
std::vector<Entry<Key, Value>> entriesOf(int map)
{
	std::vector<Entry<Key, Value>> entries;
	std::vector<Key> keys(kBatchBytes / sizeof(Entry<Key, Value>));
	std::vector<Value> values(keys.size());
	// The kernel's own position; that of a hash map has 4 bytes.
	__u64 position[8] = {};
	bool isFirst = true, isLast = false;
	while (!isLast) {
		__u32 count = keys.size();
		if (bpf_map_lookup_batch(map, isFirst ? nullptr : position,
					 position, keys.data(), values.data(),
					 &count, nullptr) != 0) {
			if (errno == ENOSPC) {
				// A bucket holds more than there is room for.
				keys.resize(keys.size() * 2);
				values.resize(keys.size());
				continue;
			}
			if (errno != ENOENT)
				throwErrno("SYSTEM", "cannot read a map");
			isLast = true;
		}
		for (__u32 i = 0; i < count; i++)
			entries.push_back({keys[i], values[i]});
		isFirst = false;
	}
	return entries;
}

template <typename Key, typename Value> std::vector<Key> keysOf(int map)
{
	std::vector<Key> keys;
	for (const auto &[key, value] : entriesOf<Key, Value>(map))
		keys.push_back(key);
	return keys;
}

void update(int map, const void *key, const void *value, const char *what)
{
	if (bpf_map_update_elem(map, key, value, BPF_ANY) == 0)
		return;
	if (errno == E2BIG)
		throw NativeError("MAP_FULL",
				  std::string("no room for another ") + what);
	throwErrno("SYSTEM", std::string("cannot write a ") + what);
}

void remove(int map, const void *key, const char *what)
{
	if (bpf_map_delete_elem(map, key) != 0 && errno != ENOENT)
		throwErrno("SYSTEM", std::string("cannot remove a ") + what);
}

// The programs trust what is in the maps no further than the verifier makes
// them: this is for whoever hands over something else by mistake.
void checkAutomaton(std::string_view bytes)
{
	bh_automaton header;
	if (bytes.size() < sizeof(header))
		throw NativeError("INVALID_ARGUMENT",
				  "an automaton has another size");
	memcpy(&header, bytes.data(), sizeof(header));
	__u64 words = __u64{header.cell_count} +
		      __u64{header.output_count} * 3 * header.words;
	if (header.version != BH_AUTOMATON_VERSION || header.words < 1 ||
	    header.words > 2 ||
	    bytes.size() != sizeof(header) + words * sizeof(__u32))
		throw NativeError("INVALID_ARGUMENT",
				  "this is no automaton of this version");
}

struct AutomatonClass {
	const char *map;
	size_t bytes;
};

constexpr AutomatonClass kAutomatonClasses[] = {
#define X(name, words) {"automatons_" #name, (words) * sizeof(__u32)},
	BH_AUTOMATON_CLASSES(X)
#undef X
};

// The smallest class that holds it.
__u32 automatonClass(std::string_view automaton)
{
	for (__u32 i = 0; i < BH_AUTOMATON_CLASSES_COUNT; i++)
		if (automaton.size() <= kAutomatonClasses[i].bytes)
			return i;
	throw NativeError(
		"INVALID_ARGUMENT",
		"the automaton is larger than " +
			std::to_string(
				kAutomatonClasses[BH_AUTOMATON_CLASSES_COUNT -
						  1]
					.bytes) +
			" bytes");
}

// The memory of a deleted element is used again at once. After this no program
// still reads one that was deleted before.
void awaitKernelReaders()
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) != 0)
		usleep(50 * 1000);
}

} // namespace

Tables::Tables(const std::string &directory)
    : cgroups_(openPin(directory, "cgroups")),
      containers_(openPin(directory, "containers")),
      policySets_(openPin(directory, "policy_sets")),
      config_(openPin(directory, "config")),
      counters_(openPin(directory, "counters")),
      sequences_(openPin(directory, "sequences")),
      alerts_(openPin(directory, "alerts")),
      telemetry_(openPin(directory, "telemetry")),
      cgroupEvents_(openPin(directory, "cgroup_events")),
      comparisons_(openPin(directory, "comparisons"))
{
	for (const AutomatonClass &one : kAutomatonClasses)
		automatons_.push_back(openPin(directory, one.map));
}

void Tables::watchCgroup(__u64 id)
{
	bh_cgroup entry = {};
	entry.flags = BH_CGROUP_WATCHED;
	if (bpf_map_update_elem(cgroups_.get(), &id, &entry, BPF_NOEXIST) ==
		    0 ||
	    errno == EEXIST)
		return;
	if (errno == E2BIG)
		throw NativeError("MAP_FULL", "no room for another cgroup");
	throwErrno("SYSTEM", "cannot write a cgroup");
}

void Tables::unwatchCgroup(__u64 id)
{
	bh_cgroup entry;
	if (bpf_map_lookup_elem(cgroups_.get(), &id, &entry) == 0 &&
	    !entry.container)
		remove(cgroups_.get(), &id, "cgroup");
}

void Tables::setPolicySet(__u32 id, bh_policy_set set,
			  std::string_view automaton)
{
	set.automaton_class = automatonClass(automaton);
	bh_policy_set existing;
	if (bpf_map_lookup_elem(policySets_.get(), &id, &existing) == 0) {
		if (memcmp(&existing, &set, sizeof(set)) == 0)
			return;
		throw NativeError("SET_EXISTS",
				  "another policy set has the id " +
					  std::to_string(id));
	}
	if ((set.executables | set.parents | set.targets) && automaton.empty())
		throw NativeError("INVALID_ARGUMENT",
				  "table and automaton do not fit each other");
	// Before the set: whoever reads a set finds its automaton.
	if (!automaton.empty())
		setAutomaton(id, set.automaton_class, automaton);
	update(policySets_.get(), &id, &set, "policy set");
}

void Tables::setAutomaton(__u32 id, __u32 number, std::string_view automaton)
{
	checkAutomaton(automaton);
	size_t bytes = kAutomatonClasses[number].bytes;
	UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "bh_automaton",
				    sizeof(__u32), bytes, 1, nullptr));
	if (map.get() < 0)
		throwErrno("SYSTEM", "cannot make an automaton");
	std::string value(automaton);
	value.resize(bytes);
	__u32 only = 0;
	update(map.get(), &only, value.data(), "automaton");
	int fd = map.get();
	update(automatons_[number].get(), &id, &fd, "automaton");
}

void Tables::deletePolicySet(__u32 id)
{
	remove(policySets_.get(), &id, "policy set");
	for (const UniqueFd &automatons : automatons_)
		remove(automatons.get(), &id, "automaton");
	removeComparisons([id](const bh_comparison_key &key) {
		return key.active_set == id || key.candidate_set == id;
	});
	awaitKernelReaders();
}

std::vector<Comparison> Tables::comparisons() const
{
	std::vector<Comparison> found;
	for (const auto &[key, counts] :
	     entriesOf<bh_comparison_key, bh_comparison>(comparisons_.get()))
		found.push_back({key, counts});
	return found;
}

std::vector<__u32> Tables::policySetIds() const
{
	return keysOf<__u32, bh_policy_set>(policySets_.get());
}

void Tables::setContainer(const bh_container &container,
			  const std::vector<__u64> &nested)
{
	bh_cgroup entry = {};
	bool known =
		bpf_map_lookup_elem(cgroups_.get(), &container.id, &entry) == 0;
	bool claimed = known && entry.flags & BH_CGROUP_CLAIMED &&
		       entry.container == container.id;

	update(containers_.get(), &container.id, &container, "container");
	// From here on the kernel gives new nested cgroups this container; the
	// ones made before are looked for after that, so none can be missed.
	if (!claimed)
		claim(container.id, container.id, entry.parent);
	for (__u64 id : nested)
		claim(id, container.id, container.id);
	if (!claimed)
		claimDescendants(container.id);
}

void Tables::claim(__u64 id, __u64 container, __u64 parent)
{
	bh_cgroup existing, entry = {};
	if (bpf_map_lookup_elem(cgroups_.get(), &id, &existing) == 0 &&
	    existing.parent)
		parent = existing.parent;
	entry.container = container;
	entry.parent = parent;
	entry.flags = BH_CGROUP_CLAIMED;
	update(cgroups_.get(), &id, &entry, "cgroup");
}

// Until a pass changes nothing: a cgroup can be made below one that is not yet
// claimed while a pass runs.
void Tables::claimDescendants(__u64 container)
{
	bool changed = true;
	while (changed) {
		changed = false;
		auto entries = entriesOf<__u64, bh_cgroup>(cgroups_.get());
		std::unordered_set<__u64> own;
		for (const auto &[id, entry] : entries)
			if (entry.container == container)
				own.insert(id);
		for (const auto &[id, entry] : entries) {
			if (entry.container == container ||
			    !own.count(entry.parent))
				continue;
			claim(id, container, entry.parent);
			own.insert(id);
			changed = true;
		}
	}
}

// What is left of its cgroups is an unknown container: below a watched parent
// by its place, elsewhere by its entry, which goes when the cgroup does.
void Tables::deleteContainer(__u64 id)
{
	remove(containers_.get(), &id, "container");
	removeComparisons([id](const bh_comparison_key &key) {
		return key.container == id;
	});
}

void Tables::removeComparisons(
	const std::function<bool(const bh_comparison_key &)> &isRemoved)
{
	for (const auto &[key, counts] :
	     entriesOf<bh_comparison_key, bh_comparison>(comparisons_.get()))
		if (isRemoved(key))
			remove(comparisons_.get(), &key, "comparison");
}

std::vector<__u64> Tables::containerIds() const
{
	return keysOf<__u64, bh_container>(containers_.get());
}

void Tables::setUnknownSet(__u32 id)
{
	bh_config changed = config();
	__u32 key = 0;
	changed.unknown_set = id;
	update(config_.get(), &key, &changed, "configuration");
}

std::map<std::string, __u64> Tables::counters() const
{
	std::map<std::string, __u64> found;
	for (__u32 key = 0; key < BH_COUNTER_COUNT; key++)
		found[kCounterNames[key]] = sumOverCpus(counters_.get(), key);
	found["records"] = sumOverCpus(sequences_.get(), 0);
	return found;
}

__u64 Tables::sumOverCpus(int map, __u32 key) const
{
	std::vector<__u64> values(libbpf_num_possible_cpus());
	if (bpf_map_lookup_elem(map, &key, values.data()) != 0)
		throwErrno("SYSTEM", "cannot read a counter");
	return std::accumulate(values.begin(), values.end(), __u64{0});
}

bh_config Tables::config() const
{
	bh_config found;
	__u32 key = 0;
	if (bpf_map_lookup_elem(config_.get(), &key, &found) != 0)
		throwErrno("SYSTEM", "cannot read the configuration");
	return found;
}

int Tables::ring(const std::string &name) const
{
	if (name == "alerts")
		return alerts_.get();
	return name == "telemetry" ? telemetry_.get() : cgroupEvents_.get();
}

} // namespace bulkhead
