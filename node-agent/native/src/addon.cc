// The addon's exports: addon.ts declares them.
#include <bpf/libbpf.h>
#include <napi.h>

#include "convert.h"
#include "engine_object.h"
#include "hooks.h"
#include "layout.h"
#include "pins.h"

namespace bulkhead
{
namespace
{

Napi::Value probe(const Napi::CallbackInfo &info)
{
	return guarded(info.Env(), [&] {
		HookPlan plan = Probe(toText(info[0], "objectPath"),
				      toTexts(info[1], "backends"))
					.plan();
		Capabilities found = probeCapabilities(plan);
		Napi::Env env = info.Env();
		Napi::Array missing =
			Napi::Array::New(env, found.missing.size());
		for (size_t i = 0; i < found.missing.size(); i++)
			missing.Set(i, found.missing[i]);
		Napi::Object result = Napi::Object::New(env);
		result.Set("btf", found.btf);
		result.Set("bpf", found.bpf);
		result.Set("root", found.root);
		result.Set("hooks", fromHooks(env, plan.hooks));
		result.Set("missing", missing);
		return result;
	});
}

Napi::Value layout(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Napi::Object result = Napi::Object::New(env);
	for (const StructLayout &type : abiLayout()) {
		Napi::Object members = Napi::Object::New(env);
		for (const auto &[name, offset] : type.members)
			members.Set(name, Napi::Number::New(env, offset));
		Napi::Object object = Napi::Object::New(env);
		object.Set("size", Napi::Number::New(env, type.size));
		object.Set("members", members);
		result.Set(type.name, object);
	}
	return result;
}

Napi::Value detach(const Napi::CallbackInfo &info)
{
	return guarded(info.Env(), [&] {
		std::string path = toText(info[0], "pinDirectory");
		bool existed = access(path.c_str(), F_OK) == 0 &&
			       PinDirectory(path).removeAll();
		return Napi::Boolean::New(info.Env(), existed);
	});
}

Napi::Object init(Napi::Env env, Napi::Object exports)
{
	// Refusals come back as reasons; libbpf would print them as well.
	libbpf_set_print([](enum libbpf_print_level, const char *, va_list) {
		return 0;
	});
	exports.Set("probe", Napi::Function::New(env, probe, "probe"));
	exports.Set("layout", Napi::Function::New(env, layout, "layout"));
	exports.Set("detach", Napi::Function::New(env, detach, "detach"));
	exports.Set("Engine", EngineObject::define(env));
	return exports;
}

} // namespace
} // namespace bulkhead

static Napi::Object initModule(Napi::Env env, Napi::Object exports)
{
	return bulkhead::init(env, exports);
}

NODE_API_MODULE(bulkhead, initModule)
