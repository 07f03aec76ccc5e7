// Which program each hook gets on this kernel, and why not a better one.
#pragma once

#include <string>
#include <vector>

namespace bulkhead
{

struct HookStatus {
	std::string hook;
	std::string backend;
	std::string reason;
};

struct HookPlan {
	std::vector<HookStatus> hooks;
	// Names of the programs to load.
	std::vector<std::string> programs;
	// lsm, fmod_ret, signal or none.
	std::string execBackend;
};

struct Capabilities {
	bool btf;
	bool bpf;
	bool root;
	std::vector<std::string> missing;
};

// Tries each program alone: loads it, attaches it, and lets go of it.
HookPlan planHooks(const std::string &objectPath,
		   const std::vector<std::string> &backends);

Capabilities probeCapabilities(const HookPlan &plan);

} // namespace bulkhead
