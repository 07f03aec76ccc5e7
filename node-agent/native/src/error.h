#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace bulkhead
{

// An error with one of the codes of addon.ts.
class NativeError : public std::runtime_error
{
      public:
	NativeError(const char *code, const std::string &message)
	    : std::runtime_error(message), code_(code)
	{
	}

	const char *code() const
	{
		return code_;
	}

      private:
	const char *code_;
};

inline std::string errnoText(int error)
{
	const char *name = strerrorname_np(error);
	return std::string(strerror(error)) + " (" +
	       (name ? name : std::to_string(error)) + ")";
}

[[noreturn]] inline void throwErrno(const char *code, const std::string &what,
				    int error = errno)
{
	throw NativeError(code, what + ": " + errnoText(error));
}

} // namespace bulkhead
