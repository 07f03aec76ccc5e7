// Which program each hook gets on this kernel, and why not a better one.
#pragma once

#include <functional>
#include <map>
#include <optional>
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

// What the kernel takes, by loading and attaching for a moment. What it has
// refused as a kind is not asked again.
class Probe
{
      public:
	Probe(const std::string &objectPath,
	      const std::vector<std::string> &backends);

	// The best of every hook, or of every backend that the kernel's policy
	// allows, if it is taken: most often it is, and once is enough.
	std::optional<HookPlan>
	taken(const std::function<bool(const HookPlan &)> &takes);

	// Hook by hook.
	HookPlan tried();

	// The one of these.
	HookPlan plan();

	// Of programs that a former process attached: what each hook has, and
	// why nothing better.
	HookPlan adopted(const std::vector<std::string> &attached);

      private:
	std::string ruledOut(const std::string &backend) const;
	std::string refusalOf(const std::string &backend,
			      const std::vector<std::string> &programs);
	HookPlan best() const;
	void askForBackends();

	const std::string objectPath_;
	const std::vector<std::string> backends_;
	// By backend: the reason.
	std::map<std::string, std::string> refused_;
};

Capabilities probeCapabilities(const HookPlan &plan);

} // namespace bulkhead
