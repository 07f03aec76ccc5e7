#include "convert.h"

#include <cmath>

namespace bulkhead
{
namespace
{

constexpr size_t kMessageBytesMax = 16 * 1024;
constexpr uint32_t kListMax = 65536;

[[noreturn]] void refuse(const char *what, const char *expected)
{
	throw NativeError("INVALID_ARGUMENT",
			  std::string(what) + " must be " + expected);
}

template <typename Element, typename Convert>
std::vector<Element> toList(const Napi::Value &value, const char *what,
			    Convert convert)
{
	if (!value.IsArray())
		refuse(what, "an array");
	Napi::Array array = value.As<Napi::Array>();
	if (array.Length() > kListMax)
		refuse(what, "an array of at most 65536 elements");
	std::vector<Element> elements;
	for (uint32_t i = 0; i < array.Length(); i++)
		elements.push_back(convert(array.Get(i), what));
	return elements;
}

} // namespace

std::string toText(const Napi::Value &value, const char *what)
{
	if (!value.IsString())
		refuse(what, "a string");
	std::string text = value.As<Napi::String>().Utf8Value();
	if (text.empty() || text.find('\0') != std::string::npos)
		refuse(what, "a string that is not empty and has no NUL");
	return text;
}

uint32_t toUint32(const Napi::Value &value, const char *what)
{
	double number =
		value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
	if (!(number >= 0 && number <= UINT32_MAX) ||
	    number != std::floor(number))
		refuse(what, "an unsigned 32-bit number");
	return static_cast<uint32_t>(number);
}

uint64_t toUint64(const Napi::Value &value, const char *what)
{
	bool lossless = false;
	uint64_t number = 0;
	if (value.IsBigInt())
		number = value.As<Napi::BigInt>().Uint64Value(&lossless);
	if (!lossless)
		refuse(what, "an unsigned 64-bit bigint");
	return number;
}

std::vector<std::string> toTexts(const Napi::Value &value, const char *what)
{
	return toList<std::string>(value, what, toText);
}

std::vector<uint64_t> toUint64s(const Napi::Value &value, const char *what)
{
	return toList<uint64_t>(value, what, toUint64);
}

std::vector<unsigned int> toUint32s(const Napi::Value &value, const char *what)
{
	return toList<unsigned int>(value, what, toUint32);
}

Napi::Uint8Array toBytes(const Napi::Value &value, const char *what)
{
	if (!value.IsTypedArray() ||
	    value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
		refuse(what, "a Uint8Array");
	return value.As<Napi::Uint8Array>();
}

Encoded toMessage(const Napi::Value &value, const char *what)
{
	Napi::Uint8Array bytes = toBytes(value, what);
	if (bytes.ByteLength() > kMessageBytesMax)
		refuse(what, "at most 16 KiB");
	return std::make_shared<const std::string>(
		reinterpret_cast<const char *>(bytes.Data()),
		bytes.ByteLength());
}

std::vector<Encoded> toMessages(const Napi::Value &value, const char *what)
{
	return toList<Encoded>(value, what, toMessage);
}

Napi::Function toFunction(const Napi::Value &value, const char *what)
{
	if (!value.IsFunction())
		refuse(what, "a function");
	return value.As<Napi::Function>();
}

Napi::Array fromHooks(Napi::Env env, const std::vector<HookStatus> &hooks)
{
	Napi::Array array = Napi::Array::New(env, hooks.size());
	for (size_t i = 0; i < hooks.size(); i++) {
		Napi::Object hook = Napi::Object::New(env);
		hook.Set("hook", hooks[i].hook);
		hook.Set("backend", hooks[i].backend);
		hook.Set("reason", hooks[i].reason);
		array.Set(i, hook);
	}
	return array;
}

} // namespace bulkhead
