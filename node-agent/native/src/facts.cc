#include "facts.h"

namespace bulkhead
{
namespace
{

template <typename Map> void dropPassed(Map &map, RingPositions read)
{
	for (auto entry = map.begin(); entry != map.end();) {
		const auto &at = entry->second.forgottenAt;
		bool gone = at && at->alerts <= read.alerts &&
			    at->telemetry <= read.telemetry;
		entry = gone ? map.erase(entry) : std::next(entry);
	}
}

template <typename Map, typename Key>
void forget(Map &map, Key key, RingPositions produced)
{
	auto entry = map.find(key);
	if (entry != map.end())
		entry->second.forgottenAt = produced;
}

} // namespace

void Facts::setResponses(__u32 set, std::vector<Encoded> responses)
{
	std::lock_guard<std::mutex> lock(mutex_);
	sets_[set] = {std::move(responses), std::nullopt};
}

void Facts::forgetResponses(__u32 set, RingPositions produced)
{
	std::lock_guard<std::mutex> lock(mutex_);
	forget(sets_, set, produced);
}

void Facts::setContainer(__u64 container, Encoded facts)
{
	std::lock_guard<std::mutex> lock(mutex_);
	containers_[container] = {std::move(facts), std::nullopt};
}

void Facts::forgetContainer(__u64 container, RingPositions produced)
{
	std::lock_guard<std::mutex> lock(mutex_);
	forget(containers_, container, produced);
}

void Facts::passed(RingPositions read)
{
	std::lock_guard<std::mutex> lock(mutex_);
	dropPassed(sets_, read);
	dropPassed(containers_, read);
}

Encoded Facts::response(__u32 set, unsigned int index) const
{
	std::lock_guard<std::mutex> lock(mutex_);
	auto entry = sets_.find(set);
	if (entry == sets_.end() || index >= entry->second.value.size())
		return nullptr;
	return entry->second.value[index];
}

Encoded Facts::container(__u64 container) const
{
	std::lock_guard<std::mutex> lock(mutex_);
	auto entry = containers_.find(container);
	return entry == containers_.end() ? nullptr : entry->second.value;
}

} // namespace bulkhead
