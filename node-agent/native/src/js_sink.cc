#include "js_sink.h"

namespace bulkhead
{
namespace
{

// The function lives until its queue is empty, and its backlog with it.
void releaseBacklog(Napi::Env, std::shared_ptr<Backlog> *backlog, Backlog *)
{
	delete backlog;
}

} // namespace

void callOnBatch(Napi::Env env, Napi::Function callback, Backlog *backlog,
		 BatchMessage *message)
{
	std::unique_ptr<BatchMessage> batch(message);
	backlog->batches[batch->source]--;
	if (backlog->stopped || !env || !callback)
		return;
	backlog->wake();
	Napi::Object ring = Napi::Object::New(env);
	ring.Set("name", kSourceNames[batch->source]);
	ring.Set("instance", Napi::BigInt::New(env, uint64_t{batch->instance}));
	ring.Set("position", Napi::BigInt::New(env, uint64_t{batch->position}));
	Napi::Object value = Napi::Object::New(env);
	value.Set("kind", batch->source == kAlerts ? "alert" : "telemetry");
	value.Set("eventCount", Napi::Number::New(env, batch->eventCount));
	value.Set("firstTimeNs",
		  Napi::BigInt::New(env, uint64_t{batch->firstTimeNs}));
	value.Set("lastTimeNs",
		  Napi::BigInt::New(env, uint64_t{batch->lastTimeNs}));
	value.Set("payload",
		  Napi::Buffer<char>::Copy(env, batch->payload.data(),
					   batch->payload.size()));
	value.Set("ring", ring);
	callback.Call({value});
}

void callOnCgroup(Napi::Env env, Napi::Function callback, Backlog *backlog,
		  CgroupMessage *message)
{
	std::unique_ptr<CgroupMessage> event(message);
	backlog->cgroups--;
	if (backlog->stopped || !env || !callback)
		return;
	backlog->wake();
	Napi::Object value = Napi::Object::New(env);
	value.Set("kind", event->kind == BH_CGROUP_MKDIR ? "mkdir" : "rmdir");
	value.Set("cgroupId", Napi::BigInt::New(env, uint64_t{event->cgroup}));
	value.Set("parentId", Napi::BigInt::New(env, uint64_t{event->parent}));
	value.Set("path", event->path);
	callback.Call({value});
}

// The queues need no bound of their own: the reader stops at its backlog.
JsSink::JsSink(Napi::Env env, Napi::Function onBatch, Napi::Function onCgroup,
	       const std::shared_ptr<Backlog> &backlog)
    : onBatch_(decltype(onBatch_)::New(env, onBatch, "bulkhead batches", 0, 1,
				       backlog.get(), releaseBacklog,
				       new std::shared_ptr<Backlog>(backlog))),
      onCgroup_(decltype(onCgroup_)::New(env, onCgroup, "bulkhead cgroups", 0,
					 1, backlog.get(), releaseBacklog,
					 new std::shared_ptr<Backlog>(backlog)))
{
}

JsSink::~JsSink()
{
	onBatch_.Release();
	onCgroup_.Release();
}

void JsSink::take(std::unique_ptr<BatchMessage> batch)
{
	if (onBatch_.NonBlockingCall(batch.get()) == napi_ok)
		batch.release();
}

void JsSink::take(std::unique_ptr<CgroupMessage> event)
{
	if (onCgroup_.NonBlockingCall(event.get()) == napi_ok)
		event.release();
}

} // namespace bulkhead
