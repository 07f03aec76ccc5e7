// Hands batches and cgroup events to callbacks on JavaScript's thread.
#pragma once

#include <napi.h>

#include <memory>

#include "reader.h"

namespace bulkhead
{

void callOnBatch(Napi::Env env, Napi::Function callback, Backlog *backlog,
		 BatchMessage *batch);
void callOnCgroup(Napi::Env env, Napi::Function callback, Backlog *backlog,
		  CgroupMessage *event);

class JsSink : public Sink
{
      public:
	JsSink(Napi::Env env, Napi::Function onBatch, Napi::Function onCgroup,
	       const std::shared_ptr<Backlog> &backlog);
	~JsSink() override;

	void take(std::unique_ptr<BatchMessage> batch) override;
	void take(std::unique_ptr<CgroupMessage> event) override;

      private:
	Napi::TypedThreadSafeFunction<Backlog, BatchMessage, callOnBatch>
		onBatch_;
	Napi::TypedThreadSafeFunction<Backlog, CgroupMessage, callOnCgroup>
		onCgroup_;
};

} // namespace bulkhead
