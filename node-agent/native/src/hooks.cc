#include "hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "contains.h"
#include "error.h"

namespace bulkhead
{
namespace
{

// uapi/linux/lsm.h, since 6.8.
constexpr long kListModulesSyscall = 461;
constexpr unsigned long long kBpfModuleId = 109;

// Programs that together make one backend of a hook.
struct Candidate {
	const char *backend;
	std::vector<const char *> programs;
	bool isDeferred = false;
};

struct Hook {
	const char *name;
	// Nothing is enforced without it.
	bool isNeeded;
	// Best first.
	std::vector<Candidate> candidates;
};

// bpf/README.md says why these. The first is the one that the set of pins is
// named after.
const std::vector<Hook> &allHooks()
{
	static const std::vector<Hook> hooks = {
		{"exec",
		 true,
		 {{"lsm", {"bh_exec_lsm"}},
		  {"fmod_ret", {"bh_exec_fmod"}},
		  {"signal", {"bh_exec", "bh_exec_prepared"}},
		  {"signal", {"bh_exec", "bh_exec_script"}}}},
		{"fork", true, {{"tracepoint", {"bh_fork"}}}},
		{"exit", true, {{"tracepoint", {"bh_exit"}}}},
		{"cgroup",
		 true,
		 {{"tracepoint", {"bh_cgroup_mkdir", "bh_cgroup_rmdir"}}}},
		{"session",
		 false,
		 {{"fexit", {"bh_setsid", "bh_tty_open", "bh_tty_ioctl"}},
		  {"fexit",
		   {"bh_setsid_autogroup", "bh_tty_open", "bh_tty_ioctl"}},
		  {"tracepoint", {"bh_call_exit"}, true}}},
		{"load",
		 false,
		 {{"lsm", {"bh_mmap_file_lsm", "bh_file_mprotect_lsm"}},
		  {"fmod_ret", {"bh_mmap_file_fmod", "bh_file_mprotect_fmod"}},
		  {"signal", {"bh_call_exit", "bh_call_exec"}, true}}},
		{"open",
		 false,
		 {{"lsm", {"bh_file_open_lsm"}},
		  {"fmod_ret", {"bh_file_open_fmod"}},
		  {"signal", {"bh_call_exit"}, true}}},
		{"create",
		 false,
		 {{"lsm",
		   {"bh_path_mknod_lsm", "bh_path_symlink_lsm",
		    "bh_path_link_lsm"}},
		  {"fmod_ret",
		   {"bh_path_mknod_fmod", "bh_path_symlink_fmod",
		    "bh_path_link_fmod"}}}},
		{"change",
		 false,
		 {{"lsm", {"bh_path_truncate_lsm", "bh_path_chmod_lsm"}},
		  {"fmod_ret",
		   {"bh_path_truncate_fmod", "bh_path_chmod_fmod"}}}},
		{"delete",
		 false,
		 {{"lsm", {"bh_path_unlink_lsm", "bh_path_rmdir_lsm"}},
		  {"fmod_ret", {"bh_path_unlink_fmod", "bh_path_rmdir_fmod"}}}},
		{"rename",
		 false,
		 {{"lsm", {"bh_path_rename_lsm"}},
		  {"fmod_ret", {"bh_path_rename_fmod"}}}},
	};
	return hooks;
}

using Object = std::unique_ptr<bpf_object, decltype(&bpf_object__close)>;

// A program can load and attach to an LSM hook that is never called.
bool bpfIsActiveLsm()
{
	unsigned long long ids[64];
	unsigned int bytes = sizeof(ids);
	long count = syscall(kListModulesSyscall, ids, &bytes, 0);
	if (count >= 0)
		return std::find(ids, ids + count, kBpfModuleId) != ids + count;
	std::ifstream file("/sys/kernel/security/lsm");
	std::string name;
	while (std::getline(file, name, ','))
		if (name.substr(0, name.find('\n')) == "bpf")
			return true;
	return false;
}

std::string lastVerifierLine(const std::string &log)
{
	std::istringstream lines(log);
	std::string line, last;
	while (std::getline(lines, line)) {
		bool statistics = line.rfind("verification time", 0) == 0 ||
				  line.rfind("stack depth", 0) == 0 ||
				  line.rfind("processed ", 0) == 0;
		if (!line.empty() && !statistics)
			last = line;
	}
	return last;
}

// A load that the kernel's policy refuses, not its verifier.
constexpr int kRefusedByPolicy = EPERM;

struct Trial {
	// Empty: they load and attach here.
	std::string refusal;
	int error = 0;
};

Trial tryPrograms(const std::string &objectPath,
		  const std::vector<std::string> &names)
{
	Object object(bpf_object__open_file(objectPath.c_str(), nullptr),
		      bpf_object__close);
	if (!object)
		throwErrno("INVALID_ARGUMENT", "cannot open " + objectPath);
	std::string log(64 * 1024, '\0');
	std::vector<bpf_program *> wanted;
	bpf_program *program;
	bpf_object__for_each_program(program, object.get())
	{
		bool chosen = contains(names, bpf_program__name(program));
		bpf_program__set_autoload(program, chosen);
		if (!chosen)
			continue;
		wanted.push_back(program);
		bpf_program__set_log_buf(program, log.data(), log.size());
		// Errors and statistics, not every instruction.
		bpf_program__set_log_level(program, 4);
	}
	if (wanted.size() != names.size())
		throw NativeError("INVALID_ARGUMENT",
				  objectPath + " lacks programs");
	int error = bpf_object__load(object.get());
	if (error) {
		std::string line = lastVerifierLine(log.c_str());
		return {"load refused: " + errnoText(-error) +
				(line.empty() ? "" : ": " + line),
			-error};
	}
	for (bpf_program *one : wanted) {
		bpf_link *link = bpf_program__attach(one);
		if (!link)
			return {"attach refused: " + errnoText(errno)};
		bpf_link__destroy(link);
	}
	return {};
}

std::vector<std::string> programsOf(const Candidate &candidate)
{
	return {candidate.programs.begin(), candidate.programs.end()};
}

void addReason(HookStatus &status, const Candidate &candidate,
	       const std::string &refusal)
{
	status.reason += (status.reason.empty() ? "" : "; ") +
			 std::string(candidate.backend) + ": " + refusal;
}

void choose(HookPlan &plan, HookStatus &status, const Candidate &candidate)
{
	status.backend = candidate.backend;
	for (const char *program : candidate.programs) {
		// One program may be of two hooks.
		if (contains(plan.programs, program))
			continue;
		plan.programs.push_back(program);
		if (candidate.isDeferred)
			plan.deferred.push_back(program);
	}
}

// Of every hook the first candidate that nothing refuses.
HookPlan planBy(const std::function<std::string(const Candidate &)> &refusalOf)
{
	HookPlan plan;
	for (const Hook &hook : allHooks()) {
		HookStatus status{hook.name, "none", ""};
		for (const Candidate &candidate : hook.candidates) {
			std::string refusal = refusalOf(candidate);
			if (refusal.empty()) {
				choose(plan, status, candidate);
				break;
			}
			addReason(status, candidate, refusal);
		}
		plan.hooks.push_back(status);
	}
	plan.execBackend = plan.hooks[0].backend;
	// Tells of every exec, and is the net under the other backends.
	if (plan.execBackend != "none" && plan.execBackend != "signal")
		plan.programs.push_back("bh_exec");
	return plan;
}

} // namespace

Probe::Probe(const std::string &objectPath,
	     const std::vector<std::string> &backends)
    : objectPath_(objectPath), backends_(backends)
{
}

// Why a backend is out of the question before anything is loaded; empty: it is
// not.
std::string Probe::ruledOut(const std::string &backend) const
{
	bool observes = backend == "tracepoint" || backend == "fexit";
	if (!observes && !contains(backends_, backend))
		return "not wanted";
	if (backend == "lsm" && !bpfIsActiveLsm())
		return "bpf is not in the list of active LSMs";
	auto refused = refused_.find(backend);
	return refused == refused_.end() ? "" : refused->second;
}

std::string Probe::refusalOf(const std::string &backend,
			     const std::vector<std::string> &programs)
{
	std::string refusal = ruledOut(backend);
	if (!refusal.empty())
		return refusal;
	Trial trial = tryPrograms(objectPath_, programs);
	// Such an answer holds for every program of the kind, and a try takes
	// 60 ms.
	if (trial.error == kRefusedByPolicy && backend != "tracepoint")
		refused_[backend] = trial.refusal;
	return trial.refusal;
}

HookPlan Probe::best() const
{
	return planBy([this](const Candidate &candidate) {
		return ruledOut(candidate.backend);
	});
}

void Probe::askForBackends()
{
	std::set<std::string> asked = {"tracepoint"};
	for (const Hook &hook : allHooks())
		for (const Candidate &candidate : hook.candidates)
			if (asked.insert(candidate.backend).second)
				refusalOf(candidate.backend,
					  programsOf(candidate));
}

HookPlan Probe::tried()
{
	return planBy([this](const Candidate &candidate) {
		return refusalOf(candidate.backend, programsOf(candidate));
	});
}

HookPlan Probe::adopted(const std::vector<std::string> &attached)
{
	return planBy([&](const Candidate &candidate) -> std::string {
		std::vector<std::string> programs = programsOf(candidate);
		bool isAttached =
			std::all_of(programs.begin(), programs.end(),
				    [&](const std::string &program) {
					    return contains(attached, program);
				    });
		if (isAttached)
			return "";
		std::string refusal = refusalOf(candidate.backend, programs);
		return refusal.empty() ? "refused when it was loaded" : refusal;
	});
}

std::optional<HookPlan>
Probe::taken(const std::function<bool(const HookPlan &)> &takes)
{
	HookPlan plan = best();
	if (takes(plan))
		return plan;
	askForBackends();
	if (refused_.empty())
		return std::nullopt;
	plan = best();
	if (takes(plan))
		return plan;
	return std::nullopt;
}

HookPlan Probe::plan()
{
	auto takes = [this](const HookPlan &plan) {
		return tryPrograms(objectPath_, plan.programs).refusal.empty();
	};
	std::optional<HookPlan> plan = taken(takes);
	return plan ? *plan : tried();
}

Capabilities probeCapabilities(const HookPlan &plan)
{
	Capabilities found;
	found.root = geteuid() == 0;
	found.btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	found.bpf = std::any_of(
		plan.hooks.begin(), plan.hooks.end(),
		[](const HookStatus &hook) { return hook.backend != "none"; });
	if (!found.root)
		found.missing.push_back("root");
	if (!found.btf)
		found.missing.push_back(
			"a kernel with BTF (/sys/kernel/btf/vmlinux)");
	for (size_t i = 0; i < plan.hooks.size(); i++) {
		const HookStatus &hook = plan.hooks[i];
		if (hook.backend == "none" && allHooks()[i].isNeeded)
			found.missing.push_back("hook " + hook.hook + " (" +
						hook.reason + ")");
	}
	return found;
}

} // namespace bulkhead
