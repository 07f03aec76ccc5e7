#include "engine_object.h"

#include <sys/sysmacros.h>

#include <cstring>

#include "convert.h"
#include "js_sink.h"

namespace bulkhead
{
namespace
{

constexpr uint32_t kFlushMsMax = 60 * 1000;
constexpr uint32_t kBatchBytesMin = 4 * 1024;
constexpr uint32_t kBatchBytesMax = 768 * 1024;

OpenOptions toOpenOptions(const Napi::Value &value)
{
	if (!value.IsObject())
		throw NativeError("INVALID_ARGUMENT",
				  "options must be an object");
	Napi::Object from = value.As<Napi::Object>();
	OpenOptions options;
	options.objectPath = toText(from.Get("objectPath"), "objectPath");
	options.version = toText(from.Get("version"), "version");
	options.pinDirectory = toText(from.Get("pinDirectory"), "pinDirectory");
	options.backends = toTexts(from.Get("backends"), "backends");
	options.hostNamespaces = toUint32s(from.Get("hostMountNamespaces"),
					   "hostMountNamespaces");
	options.startInstance =
		toUint64(from.Get("startInstance"), "startInstance");
	options.startPositions = {
		toUint64(from.Get("startAlerts"), "startAlerts"),
		toUint64(from.Get("startTelemetry"), "startTelemetry")};
	if (options.hostNamespaces.empty() ||
	    options.hostNamespaces.size() > BH_HOST_NAMESPACES_MAX)
		throw NativeError("INVALID_ARGUMENT",
				  "hostMountNamespaces must be 1 to 8");
	return options;
}

// stat() and the kernel write a device differently.
__u64 kernelDevice(__u64 device)
{
	return __u64{major(device)} << 20 | minor(device);
}

template <typename Number>
Napi::Array fromIds(Napi::Env env, const std::vector<Number> &ids)
{
	Napi::Array array = Napi::Array::New(env, ids.size());
	for (size_t i = 0; i < ids.size(); i++) {
		if constexpr (sizeof(Number) == sizeof(uint64_t))
			array.Set(i, Napi::BigInt::New(env, uint64_t{ids[i]}));
		else
			array.Set(i, Napi::Number::New(env, ids[i]));
	}
	return array;
}

__u64 toId(const Napi::Value &value, const char *what)
{
	__u64 id = toUint64(value, what);
	if (!id)
		throw NativeError("INVALID_ARGUMENT",
				  std::string(what) + " must not be 0");
	return id;
}

__u32 toSetId(const Napi::Value &value)
{
	__u32 id = toUint32(value, "policy set id");
	if (!id)
		throw NativeError("INVALID_ARGUMENT",
				  "policy set id must not be 0");
	return id;
}

} // namespace

Napi::Function EngineObject::define(Napi::Env env)
{
	using Self = EngineObject;
	return DefineClass(
		env, "Engine",
		{
			InstanceMethod<&Self::adopted>("adopted"),
			InstanceMethod<&Self::supersedes>("supersedes"),
			InstanceMethod<&Self::hooks>("hooks"),
			InstanceMethod<&Self::ringInstance>("ringInstance"),
			InstanceMethod<&Self::removeSuperseded>(
				"removeSuperseded"),
			InstanceMethod<&Self::watchCgroup>("watchCgroup"),
			InstanceMethod<&Self::unwatchCgroup>("unwatchCgroup"),
			InstanceMethod<&Self::setPolicySet>("setPolicySet"),
			InstanceMethod<&Self::tellResponses>("tellResponses"),
			InstanceMethod<&Self::deletePolicySet>(
				"deletePolicySet"),
			InstanceMethod<&Self::policySetIds>("policySetIds"),
			InstanceMethod<&Self::setContainer>("setContainer"),
			InstanceMethod<&Self::deleteContainer>(
				"deleteContainer"),
			InstanceMethod<&Self::containerIds>("containerIds"),
			InstanceMethod<&Self::setUnknownSet>("setUnknownSet"),
			InstanceMethod<&Self::start>("start"),
			InstanceMethod<&Self::commit>("commit"),
			InstanceMethod<&Self::counters>("counters"),
			InstanceMethod<&Self::comparisons>("comparisons"),
			InstanceMethod<&Self::stop>("stop"),
			InstanceMethod<&Self::detach>("detach"),
			InstanceMethod<&Self::close>("close"),
		});
}

EngineObject::EngineObject(Info info)
    : Napi::ObjectWrap<EngineObject>(info), env_(info.Env())
{
	guarded(info.Env(), [&] {
		engine_ = std::make_unique<Engine>(toOpenOptions(info[0]));
	});
}

EngineObject::~EngineObject()
{
	forgetExit();
}

Napi::Value EngineObject::adopted(Info info)
{
	return guarded(info.Env(), [&] {
		return Napi::Boolean::New(info.Env(), engine_->adopted());
	});
}

Napi::Value EngineObject::supersedes(Info info)
{
	return guarded(info.Env(), [&] {
		return Napi::Boolean::New(info.Env(), engine_->supersedes());
	});
}

Napi::Value EngineObject::hooks(Info info)
{
	return guarded(info.Env(),
		       [&] { return fromHooks(info.Env(), engine_->hooks()); });
}

Napi::Value EngineObject::ringInstance(Info info)
{
	return guarded(info.Env(), [&] {
		return Napi::BigInt::New(info.Env(),
					 uint64_t{engine_->ringInstance()});
	});
}

Napi::Value EngineObject::removeSuperseded(Info info)
{
	return guarded(info.Env(), [&] {
		return Napi::Boolean::New(info.Env(),
					  engine_->removeSuperseded());
	});
}

void EngineObject::watchCgroup(Info info)
{
	guarded(info.Env(), [&] {
		engine_->tables().watchCgroup(toId(info[0], "cgroup id"));
	});
}

void EngineObject::unwatchCgroup(Info info)
{
	guarded(info.Env(), [&] {
		engine_->tables().unwatchCgroup(toId(info[0], "cgroup id"));
	});
}

void EngineObject::setPolicySet(Info info)
{
	guarded(info.Env(), [&] {
		__u32 id = toSetId(info[0]);
		Napi::Uint8Array table = toBytes(info[1], "table");
		std::vector<Encoded> responses =
			toMessages(info[2], "responses");
		bh_policy_set set;
		if (table.ByteLength() != sizeof(set))
			throw NativeError("INVALID_ARGUMENT",
					  "table has another size");
		memcpy(&set, table.Data(), sizeof(set));
		if (set.selector_count > BH_SELECTORS_MAX ||
		    set.response_count > BH_RESPONSES_MAX ||
		    set.response_count != responses.size())
			throw NativeError(
				"INVALID_ARGUMENT",
				"table and responses do not fit each other");
		Napi::Uint8Array automaton = toBytes(info[3], "automaton");
		std::string_view bytes(
			reinterpret_cast<const char *>(automaton.Data()),
			automaton.ByteLength());
		engine_->setPolicySet(id, set, bytes, std::move(responses));
	});
}

void EngineObject::tellResponses(Info info)
{
	guarded(info.Env(), [&] {
		engine_->tellResponses(toSetId(info[0]),
				       toMessages(info[1], "responses"));
	});
}

void EngineObject::deletePolicySet(Info info)
{
	guarded(info.Env(),
		[&] { engine_->deletePolicySet(toSetId(info[0])); });
}

Napi::Value EngineObject::policySetIds(Info info)
{
	return guarded(info.Env(), [&] {
		return fromIds(info.Env(), engine_->tables().policySetIds());
	});
}

void EngineObject::setContainer(Info info)
{
	guarded(info.Env(), [&] {
		bh_container container = {};
		container.id = toId(info[0], "cgroup id");
		std::vector<uint64_t> ids = toUint64s(info[1], "nested");
		container.active_set = toUint32(info[2], "active set");
		container.candidate_set = toUint32(info[3], "candidate set");
		container.root_device =
			kernelDevice(toUint64(info[4], "root device"));
		engine_->setContainer(container, {ids.begin(), ids.end()},
				      toMessage(info[5], "facts"));
	});
}

void EngineObject::deleteContainer(Info info)
{
	guarded(info.Env(),
		[&] { engine_->deleteContainer(toId(info[0], "cgroup id")); });
}

Napi::Value EngineObject::containerIds(Info info)
{
	return guarded(info.Env(), [&] {
		return fromIds(info.Env(), engine_->tables().containerIds());
	});
}

void EngineObject::setUnknownSet(Info info)
{
	guarded(info.Env(), [&] {
		engine_->tables().setUnknownSet(
			toUint32(info[0], "policy set id"));
	});
}

void EngineObject::start(Info info)
{
	guarded(info.Env(), [&] {
		Napi::Function onBatch = toFunction(info[0], "onBatch");
		Napi::Function onCgroup = toFunction(info[1], "onCgroup");
		uint32_t flushMs = toUint32(info[2], "flushMs");
		uint32_t bytes = toUint32(info[3], "maxBatchBytes");
		if (!flushMs || flushMs > kFlushMsMax)
			throw NativeError("INVALID_ARGUMENT",
					  "flushMs must be 1 to 60000");
		if (bytes < kBatchBytesMin || bytes > kBatchBytesMax)
			throw NativeError("INVALID_ARGUMENT",
					  "maxBatchBytes must be 4 KiB to "
					  "768 KiB");
		if (engine_->started())
			throw NativeError("STARTED",
					  "the reader is already started");
		auto backlog = std::make_shared<Backlog>();
		engine_->start(std::make_unique<JsSink>(info.Env(), onBatch,
							onCgroup, backlog),
			       backlog, std::chrono::milliseconds(flushMs),
			       bytes);
		// After JsSink's own hooks, so that it runs before them.
		napi_add_env_cleanup_hook(info.Env(), stopAtExit, this);
		watchesExit_ = true;
	});
}

void EngineObject::commit(Info info)
{
	guarded(info.Env(), [&] {
		std::string name = toText(info[0], "ring");
		__u64 position = toUint64(info[1], "position");
		for (int source = 0; source < kSources; source++)
			if (name == kSourceNames[source])
				return engine_->commit(
					static_cast<Source>(source), position);
		throw NativeError("INVALID_ARGUMENT", "no such ring: " + name);
	});
}

Napi::Value EngineObject::counters(Info info)
{
	return guarded(info.Env(), [&] {
		Napi::Object object = Napi::Object::New(info.Env());
		for (const auto &[name, value] : engine_->counters())
			object.Set(name, Napi::BigInt::New(info.Env(),
							   uint64_t{value}));
		return object;
	});
}

Napi::Value EngineObject::comparisons(Info info)
{
	return guarded(info.Env(), [&] {
		Napi::Env env = info.Env();
		Napi::Array list = Napi::Array::New(env);
		auto big = [env](__u64 value) {
			return Napi::BigInt::New(env, uint64_t{value});
		};
		for (const auto &[key, counts] : engine_->comparisons()) {
			Napi::Object one = Napi::Object::New(env);
			one.Set("cgroupId", big(key.container));
			one.Set("activeSet", key.active_set);
			one.Set("candidateSet", key.candidate_set);
			one.Set("isCandidate", key.is_candidate != 0);
			one.Set("response", key.response);
			one.Set("bothAllow", big(counts.both_allow));
			one.Set("bothDeny", big(counts.both_deny));
			one.Set("onlyActiveDenies",
				big(counts.only_active_denies));
			one.Set("onlyCandidateDenies",
				big(counts.only_candidate_denies));
			list.Set(list.Length(), one);
		}
		return list;
	});
}

void EngineObject::stop(Info info)
{
	guarded(info.Env(), [&] {
		engine_->stop();
		forgetExit();
	});
}

void EngineObject::detach(Info info)
{
	guarded(info.Env(), [&] {
		engine_->detach();
		forgetExit();
	});
}

void EngineObject::close(Info info)
{
	guarded(info.Env(), [&] {
		engine_->close();
		forgetExit();
	});
}

void EngineObject::stopAtExit(void *self)
{
	auto *object = static_cast<EngineObject *>(self);
	object->watchesExit_ = false;
	object->engine_->close();
}

void EngineObject::forgetExit()
{
	if (watchesExit_)
		napi_remove_env_cleanup_hook(env_, stopAtExit, this);
	watchesExit_ = false;
}

} // namespace bulkhead
