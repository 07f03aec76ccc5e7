// From JavaScript values to C++ and back; anything unexpected is
// INVALID_ARGUMENT.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "error.h"
#include "facts.h"
#include "hooks.h"

namespace bulkhead
{

std::string toText(const Napi::Value &value, const char *what);
uint32_t toUint32(const Napi::Value &value, const char *what);
uint64_t toUint64(const Napi::Value &value, const char *what);
std::vector<std::string> toTexts(const Napi::Value &value, const char *what);
std::vector<uint64_t> toUint64s(const Napi::Value &value, const char *what);
std::vector<unsigned int> toUint32s(const Napi::Value &value, const char *what);
Napi::Uint8Array toBytes(const Napi::Value &value, const char *what);
// An encoded message of at most 16 KiB.
Encoded toMessage(const Napi::Value &value, const char *what);
std::vector<Encoded> toMessages(const Napi::Value &value, const char *what);
Napi::Function toFunction(const Napi::Value &value, const char *what);

Napi::Array fromHooks(Napi::Env env, const std::vector<HookStatus> &hooks);

// Runs a call and throws its error into JavaScript with the code as a property.
template <typename Call>
auto guarded(Napi::Env env, Call call) -> decltype(call())
{
	const char *code = "SYSTEM";
	std::string message;
	try {
		return call();
	} catch (const Napi::Error &) {
		throw;
	} catch (const NativeError &error) {
		code = error.code();
		message = error.what();
	} catch (const std::exception &error) {
		message = error.what();
	}
	Napi::Error error = Napi::Error::New(env, message);
	error.Set("code", Napi::String::New(env, code));
	throw error;
}

} // namespace bulkhead
