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
	// Names of the programs to load; those of them that cost every task of
	// the machine are attached once a policy asks for them.
	std::vector<std::string> programs;
	std::vector<std::string> deferred;
	// lsm, fmod_ret, signal or none.
	std::string execBackend;
};

struct Capabilities {
	bool btf;
	bool bpf;
	bool root;
	std::vector<std::string> missing;
};

// The best of every hook that is not out of the question from the start.
HookPlan bestPlan(const std::vector<std::string> &backends);

// What the kernel takes, by loading and attaching for a moment, hook by hook
// and backend by backend.
HookPlan triedPlan(const std::string &objectPath,
		   const std::vector<std::string> &backends);

// The best plan where the kernel takes all of it, else the tried one.
HookPlan planHooks(const std::string &objectPath,
		   const std::vector<std::string> &backends);

// Of programs that a former process attached: what each hook has, and why
// nothing better.
HookPlan planAdopted(const std::string &objectPath,
		     const std::vector<std::string> &backends,
		     const std::vector<std::string> &attached);

Capabilities probeCapabilities(const HookPlan &plan);

} // namespace bulkhead
