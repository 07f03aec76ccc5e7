#include "engine.h"

#include <algorithm>

#include "contains.h"
#include "error.h"
#include "loader.h"

namespace bulkhead
{

namespace
{

// Beyond fork and exec.
bool asksForFiles(const bh_policy_set &set)
{
	constexpr __u32 kFilesFrom = 2;
	for (__u32 i = kFilesFrom; i < BH_OPERATIONS_COUNT; i++)
		if (set.operations[i])
			return true;
	return false;
}

} // namespace

// In this order: the reader goes before the rings it reads.
struct Engine::State {
	PinDirectory pins;
	std::string set;
	bool adopted;
	HookPlan plan;
	std::unique_ptr<Tables> tables;
	__u64 instance = 0;
	std::unique_ptr<Ring> rings[kSources];
	std::unique_ptr<Ring> cgroups;
	std::array<__u64, kSources> floor = {};
	Facts facts;
	__u64 malformedBefore = 0;
	std::unique_ptr<Sink> sink;
	std::unique_ptr<Reader> reader;

	explicit State(const OpenOptions &options);
	void load(const OpenOptions &options, const HookPlan &wanted);
	bool tryLoad(const OpenOptions &options, const HookPlan &wanted);
	void attachWaiting();
	RingPositions produced() const
	{
		return {rings[kAlerts]->produced(),
			rings[kTelemetry]->produced()};
	}
	std::vector<std::string> superseded() const
	{
		std::vector<std::string> sets = pins.sets();
		sets.erase(std::remove(sets.begin(), sets.end(), set),
			   sets.end());
		return sets;
	}
};

Engine::State::State(const OpenOptions &options)
    : pins(options.pinDirectory), adopted(false)
{
	Probe probe(options.objectPath, options.backends);
	pins.removeIncomplete();
	std::vector<std::string> found = pins.sets();
	for (const std::string &backend : options.backends) {
		set = PinDirectory::setName(options.version, backend);
		adopted = contains(found, set);
		if (adopted)
			break;
	}
	if (adopted) {
		std::vector<std::string> held = pins.attached(set);
		std::vector<std::string> waiting = pins.waiting(set);
		held.insert(held.end(), waiting.begin(), waiting.end());
		plan = probe.adopted(held);
	} else {
		std::optional<HookPlan> taken =
			probe.taken([&](const HookPlan &best) {
				return tryLoad(options, best);
			});
		plan = taken ? *taken : probe.tried();
		if (!taken)
			load(options, plan);
	}
	tables = std::make_unique<Tables>(pins.pinPath(set));
	instance = tables->config().ring_instance;
	rings[kAlerts] = std::make_unique<Ring>(tables->ring("alerts"),
						BH_ALERT_RING_BYTES);
	rings[kTelemetry] = std::make_unique<Ring>(tables->ring("telemetry"),
						   BH_TELEMETRY_RING_BYTES);
	cgroups = std::make_unique<Ring>(tables->ring("cgroup_events"),
					 BH_CGROUP_RING_BYTES);
	if (instance != options.startInstance)
		return;
	for (int source = 0; source < kSources; source++) {
		__u64 start = options.startPositions[source];
		if (start <= rings[source]->produced() &&
		    start > rings[source]->committed())
			rings[source]->commit(start);
	}
}

void Engine::State::load(const OpenOptions &options, const HookPlan &wanted)
{
	if (wanted.execBackend == "none")
		throw NativeError("LOAD_FAILED",
				  "exec: " + wanted.hooks[0].reason);
	set = PinDirectory::setName(options.version, wanted.execBackend);
	std::string directory = pins.begin(set);
	try {
		loadAndPin(options.objectPath, wanted, options.hostNamespaces,
			   directory);
		pins.complete(set);
	} catch (...) {
		pins.removeIncomplete();
		throw;
	}
}

bool Engine::State::tryLoad(const OpenOptions &options, const HookPlan &wanted)
{
	try {
		load(options, wanted);
		return true;
	} catch (const NativeError &error) {
		if (error.code() != std::string("LOAD_FAILED") &&
		    error.code() != std::string("ATTACH_FAILED"))
			throw;
		return false;
	}
}

void Engine::State::attachWaiting()
{
	for (const std::string &program : pins.waiting(set))
		bulkhead::attachWaiting(pins.pinPath(set), program);
}

Engine::Engine(const OpenOptions &options)
    : state_(std::make_unique<State>(options))
{
}

Engine::~Engine() = default;

Engine::State &Engine::state() const
{
	if (!state_)
		throw NativeError("CLOSED", "the engine is closed");
	return *state_;
}

bool Engine::adopted() const
{
	return state().adopted;
}

bool Engine::supersedes() const
{
	return !state().superseded().empty();
}

const std::vector<HookStatus> &Engine::hooks() const
{
	return state().plan.hooks;
}

__u64 Engine::ringInstance() const
{
	return state().instance;
}

bool Engine::removeSuperseded()
{
	std::vector<std::string> sets = state().superseded();
	for (const std::string &set : sets)
		state().pins.removeSet(set);
	return !sets.empty();
}

Tables &Engine::tables()
{
	return *state().tables;
}

void Engine::setPolicySet(__u32 id, const bh_policy_set &set,
			  std::string_view automaton,
			  std::vector<Encoded> responses)
{
	if (asksForFiles(set))
		state().attachWaiting();
	state().tables->setPolicySet(id, set, automaton);
	state().facts.setResponses(id, std::move(responses));
}

void Engine::tellResponses(__u32 id, std::vector<Encoded> responses)
{
	state().facts.setResponses(id, std::move(responses));
}

void Engine::deletePolicySet(__u32 id)
{
	state().tables->deletePolicySet(id);
	state().facts.forgetResponses(id, state().produced());
}

void Engine::setContainer(const bh_container &container,
			  const std::vector<__u64> &nested, Encoded facts)
{
	// The facts first: no event of it finds them missing.
	state().facts.setContainer(container.id, std::move(facts));
	state().tables->setContainer(container, nested);
}

void Engine::deleteContainer(__u64 id)
{
	state().tables->deleteContainer(id);
	state().facts.forgetContainer(id, state().produced());
}

void Engine::start(std::unique_ptr<Sink> sink, std::shared_ptr<Backlog> backlog,
		   std::chrono::milliseconds flush, size_t maxBatchBytes)
{
	State &state = this->state();
	ReaderOptions options{flush,
			      maxBatchBytes,
			      state.instance,
			      {state.rings[kAlerts]->committed(),
			       state.rings[kTelemetry]->committed()}};
	state.sink = std::move(sink);
	state.reader = std::make_unique<Reader>(
		std::array<Ring *, kSources>{state.rings[kAlerts].get(),
					     state.rings[kTelemetry].get()},
		*state.cgroups, state.facts, *state.sink, std::move(backlog),
		options);
}

bool Engine::started() const
{
	return state().reader != nullptr;
}

void Engine::commit(Source source, __u64 position)
{
	State &state = this->state();
	Ring &ring = *state.rings[source];
	__u64 delivered = state.reader ? state.reader->delivered(source)
				       : state.floor[source];
	if (position > delivered)
		throw NativeError("INVALID_ARGUMENT",
				  "the position was not delivered");
	if (position > ring.committed())
		ring.commit(position);
}

std::map<std::string, __u64> Engine::counters()
{
	State &state = this->state();
	std::map<std::string, __u64> found = state.tables->counters();
	found["recursion_missed"] = state.pins.recursionMissed(state.set);
	found["malformed_record"] = state.malformedBefore;
	if (state.reader)
		found["malformed_record"] += state.reader->malformed();
	return found;
}

std::vector<Comparison> Engine::comparisons()
{
	return state().tables->comparisons();
}

void Engine::stop()
{
	State &state = this->state();
	if (!state.reader)
		return;
	for (int source = 0; source < kSources; source++)
		state.floor[source] =
			state.reader->delivered(static_cast<Source>(source));
	state.malformedBefore += state.reader->malformed();
	state.reader.reset();
	state.sink.reset();
}

void Engine::detach()
{
	stop();
	state().pins.removeAll();
	close();
}

void Engine::close()
{
	if (state_)
		stop();
	state_.reset();
}

} // namespace bulkhead
