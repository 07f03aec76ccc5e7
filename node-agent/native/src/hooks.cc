#include "hooks.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include "error.h"

namespace bulkhead
{
namespace
{

// uapi/linux/lsm.h, since 6.8.
constexpr long kListModulesSyscall = 461;
constexpr unsigned long long kBpfModuleId = 109;

struct Candidate {
	const char *backend;
	const char *program;
};

constexpr Candidate kExecCandidates[] = {
	{"lsm", "bh_exec_lsm"},
	{"fmod_ret", "bh_exec_fmod"},
	{"signal", "bh_exec"},
};

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

// Empty: it loads and attaches here.
std::string tryProgram(const std::string &objectPath, const char *name)
{
	Object object(bpf_object__open_file(objectPath.c_str(), nullptr),
		      bpf_object__close);
	if (!object)
		throwErrno("INVALID_ARGUMENT", "cannot open " + objectPath);
	std::string log(64 * 1024, '\0');
	bpf_program *program, *wanted = nullptr;
	bpf_object__for_each_program(program, object.get())
	{
		bool chosen = strcmp(bpf_program__name(program), name) == 0;
		bpf_program__set_autoload(program, chosen);
		if (chosen)
			wanted = program;
	}
	if (!wanted)
		throw NativeError("INVALID_ARGUMENT",
				  objectPath + " has no program " + name);
	bpf_program__set_log_buf(wanted, log.data(), log.size());
	// Errors and statistics, not every instruction.
	bpf_program__set_log_level(wanted, 4);
	int error = bpf_object__load(object.get());
	if (error) {
		std::string line = lastVerifierLine(log.c_str());
		return "load refused: " + errnoText(-error) +
		       (line.empty() ? "" : ": " + line);
	}
	bpf_link *link = bpf_program__attach(wanted);
	if (!link)
		return "attach refused: " + errnoText(errno);
	bpf_link__destroy(link);
	return "";
}

std::string tryExec(const std::string &objectPath, const Candidate &candidate)
{
	if (strcmp(candidate.backend, "lsm") == 0 && !bpfIsActiveLsm())
		return "bpf is not in the list of active LSMs";
	return tryProgram(objectPath, candidate.program);
}

HookStatus planExec(HookPlan &plan, const std::string &objectPath,
		    const std::vector<std::string> &backends)
{
	HookStatus status{"exec", "none", ""};
	for (const Candidate &candidate : kExecCandidates) {
		bool allowed = std::find(backends.begin(), backends.end(),
					 candidate.backend) != backends.end();
		std::string refusal =
			allowed ? tryExec(objectPath, candidate) : "not wanted";
		if (refusal.empty()) {
			status.backend = candidate.backend;
			plan.programs.push_back(candidate.program);
			break;
		}
		status.reason += (status.reason.empty() ? "" : "; ") +
				 std::string(candidate.backend) + ": " +
				 refusal;
	}
	plan.execBackend = status.backend;
	return status;
}

HookStatus planTracepoint(HookPlan &plan, const std::string &objectPath,
			  const char *hook,
			  const std::vector<const char *> &programs)
{
	HookStatus status{hook, "tracepoint", ""};
	for (const char *program : programs) {
		std::string refusal = tryProgram(objectPath, program);
		if (!refusal.empty()) {
			status.backend = "none";
			status.reason = "tracepoint: " + refusal;
		}
	}
	if (status.backend != "none")
		plan.programs.insert(plan.programs.end(), programs.begin(),
				     programs.end());
	return status;
}

} // namespace

HookPlan planHooks(const std::string &objectPath,
		   const std::vector<std::string> &backends)
{
	HookPlan plan;
	plan.hooks.push_back(planExec(plan, objectPath, backends));
	plan.hooks.push_back(
		planTracepoint(plan, objectPath, "fork", {"bh_fork"}));
	plan.hooks.push_back(
		planTracepoint(plan, objectPath, "exit", {"bh_exit"}));
	plan.hooks.push_back(
		planTracepoint(plan, objectPath, "cgroup",
			       {"bh_cgroup_mkdir", "bh_cgroup_rmdir"}));
	// Tells of every exec, and is the net under the other backends.
	if (plan.execBackend != "none" && plan.execBackend != "signal")
		plan.programs.push_back("bh_exec");
	return plan;
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
	for (const HookStatus &hook : plan.hooks)
		if (hook.backend == "none")
			found.missing.push_back("hook " + hook.hook + " (" +
						hook.reason + ")");
	return found;
}

} // namespace bulkhead
