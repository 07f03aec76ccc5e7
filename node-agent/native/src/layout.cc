#include "layout.h"

#include <cstddef>

#include "abi.h"

namespace bulkhead
{

// One line a struct: a member that is added to abi.h and forgotten here shows
// up in test/kernel/layout.test.ts, which compares with the BTF of the kernel
// programs.
#define MEMBER(type, name)                                                     \
	{                                                                      \
#name, offsetof(type, name)                                    \
	}

std::vector<StructLayout> abiLayout()
{
	return {
		{"bh_cgroup",
		 sizeof(bh_cgroup),
		 {MEMBER(bh_cgroup, container), MEMBER(bh_cgroup, parent),
		  MEMBER(bh_cgroup, flags), MEMBER(bh_cgroup, pad)}},
		{"bh_container",
		 sizeof(bh_container),
		 {MEMBER(bh_container, id), MEMBER(bh_container, root_device),
		  MEMBER(bh_container, active_set),
		  MEMBER(bh_container, candidate_set)}},
		{"bh_policy_selector",
		 sizeof(bh_policy_selector),
		 {MEMBER(bh_policy_selector, operations),
		  MEMBER(bh_policy_selector, origins),
		  MEMBER(bh_policy_selector, sessions)}},
		{"bh_policy_response",
		 sizeof(bh_policy_response),
		 {MEMBER(bh_policy_response, match),
		  MEMBER(bh_policy_response, exclude),
		  MEMBER(bh_policy_response, actions),
		  MEMBER(bh_policy_response, pad)}},
		{"bh_policy_set",
		 sizeof(bh_policy_set),
		 {MEMBER(bh_policy_set, selector_count),
		  MEMBER(bh_policy_set, response_count),
		  MEMBER(bh_policy_set, selectors),
		  MEMBER(bh_policy_set, responses)}},
		{"bh_process",
		 sizeof(bh_process),
		 {MEMBER(bh_process, start_boottime_ns),
		  MEMBER(bh_process, cgroup), MEMBER(bh_process, flags),
		  MEMBER(bh_process, origin)}},
		{"bh_config",
		 sizeof(bh_config),
		 {MEMBER(bh_config, ring_instance),
		  MEMBER(bh_config, attached_boottime_ns),
		  MEMBER(bh_config, unknown_set),
		  MEMBER(bh_config, overlay_upper_offset),
		  MEMBER(bh_config, host_namespace_count),
		  MEMBER(bh_config, host_namespaces),
		  MEMBER(bh_config, exec_is_judged_early)}},
		{"bh_event",
		 sizeof(bh_event),
		 {MEMBER(bh_event, time_boottime_ns),
		  MEMBER(bh_event, cpu_sequence),
		  MEMBER(bh_event, cgroup),
		  MEMBER(bh_event, container),
		  MEMBER(bh_event, fired),
		  MEMBER(bh_event, start_boottime_ns),
		  MEMBER(bh_event, parent_start_boottime_ns),
		  MEMBER(bh_event, inode),
		  MEMBER(bh_event, run_time_ns),
		  MEMBER(bh_event, effective_capabilities),
		  MEMBER(bh_event, permitted_capabilities),
		  MEMBER(bh_event, cpu),
		  MEMBER(bh_event, set),
		  MEMBER(bh_event, actions),
		  MEMBER(bh_event, undecided),
		  MEMBER(bh_event, flags),
		  MEMBER(bh_event, pid),
		  MEMBER(bh_event, parent_pid),
		  MEMBER(bh_event, session_leader_pid),
		  MEMBER(bh_event, namespace_pid),
		  MEMBER(bh_event, user_id),
		  MEMBER(bh_event, group_id),
		  MEMBER(bh_event, real_user_id),
		  MEMBER(bh_event, real_group_id),
		  MEMBER(bh_event, terminal_major),
		  MEMBER(bh_event, terminal_minor),
		  MEMBER(bh_event, exit_status),
		  MEMBER(bh_event, mode),
		  MEMBER(bh_event, path_length),
		  MEMBER(bh_event, args_length),
		  MEMBER(bh_event, parent_path_length),
		  MEMBER(bh_event, directory_length),
		  MEMBER(bh_event, kind),
		  MEMBER(bh_event, verdict),
		  MEMBER(bh_event, origin),
		  MEMBER(bh_event, pad),
		  MEMBER(bh_event, name)}},
		{"bh_cgroup_event",
		 sizeof(bh_cgroup_event),
		 {MEMBER(bh_cgroup_event, cgroup),
		  MEMBER(bh_cgroup_event, parent),
		  MEMBER(bh_cgroup_event, kind),
		  MEMBER(bh_cgroup_event, path_length)}},
	};
}

} // namespace bulkhead
