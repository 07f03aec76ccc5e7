#pragma once

#include <napi.h>

#include <memory>

#include "engine.h"

namespace bulkhead
{

// class Engine of addon.ts.
class EngineObject : public Napi::ObjectWrap<EngineObject>
{
      public:
	static Napi::Function define(Napi::Env env);

	explicit EngineObject(const Napi::CallbackInfo &info);
	~EngineObject() override;

      private:
	using Info = const Napi::CallbackInfo &;

	Napi::Value adopted(Info info);
	Napi::Value supersedes(Info info);
	Napi::Value hooks(Info info);
	Napi::Value ringInstance(Info info);
	Napi::Value removeSuperseded(Info info);
	void watchCgroup(Info info);
	void unwatchCgroup(Info info);
	void setPolicySet(Info info);
	void tellResponses(Info info);
	void deletePolicySet(Info info);
	Napi::Value policySetIds(Info info);
	void setContainer(Info info);
	void deleteContainer(Info info);
	Napi::Value containerIds(Info info);
	void setUnknownSet(Info info);
	void start(Info info);
	void commit(Info info);
	Napi::Value counters(Info info);
	Napi::Value comparisons(Info info);
	void stop(Info info);
	void detach(Info info);
	void close(Info info);

	// When the environment ends before stop(): first the thread, then what
	// it calls.
	static void stopAtExit(void *self);
	void forgetExit();

	Napi::Env env_;
	std::unique_ptr<Engine> engine_;
	bool watchesExit_ = false;
};

} // namespace bulkhead
