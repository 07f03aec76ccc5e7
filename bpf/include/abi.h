/* SPDX-License-Identifier: (GPL-2.0 OR Apache-2.0) */
/*
 * What the kernel programs and the addon share: map keys and values, ring
 * records, counters. C and C++; whoever includes it has __u8 ... __u64.
 * struct bh_policy_set is also written by proto/ts/policy/kernel-table.ts.
 * The three views are compared by test/kernel/layout.test.ts.
 */
#ifndef BULKHEAD_ABI_H
#define BULKHEAD_ABI_H

#define BH_SELECTORS_MAX 64
#define BH_RESPONSES_MAX 64
#define BH_POLICY_SETS_MAX 1024
#define BH_CONTAINERS_MAX 10240
/* Containers, their nested cgroups and the watched parents. */
#define BH_CGROUPS_MAX 32768
#define BH_PROCESSES_MAX 65536
#define BH_CGROUP_DEPTH_MAX 32

#define BH_PATH_BYTES_MAX 1024
#define BH_PATH_COMPONENTS_MAX 64
#define BH_ARGS_BYTES_MAX 1024
#define BH_CGROUP_PATH_BYTES_MAX 512
#define BH_HOST_NAMESPACES_MAX 8

#define BH_ALERT_RING_BYTES (1 << 20)
#define BH_TELEMETRY_RING_BYTES (8 << 20)
#define BH_CGROUP_RING_BYTES (256 << 10)

/* Bits of bh_policy_selector.operations. */
#define BH_OPERATION_FORK (1u << 0)
#define BH_OPERATION_EXEC (1u << 1)

/* Values of bulkhead.v1.ExecutableOrigin; the policy bit is 1 << (n - 1). */
#define BH_ORIGIN_UNDECIDED 0
#define BH_ORIGIN_IMAGE 1
#define BH_ORIGIN_WRITABLE 2
#define BH_ORIGIN_MEMORY 3
#define BH_ORIGIN_VOLUME 4
#define BH_ORIGIN_UNKNOWN 5

/* Bits of bh_policy_selector.sessions. */
#define BH_SESSION_WITHOUT_TERMINAL (1u << 0)
#define BH_SESSION_WITH_TERMINAL (1u << 1)

/* Bits of bh_policy_response.actions. */
#define BH_ACTION_LOG (1u << 0)
#define BH_ACTION_ALERT (1u << 1)
#define BH_ACTION_BLOCK (1u << 2)
/* With BLOCK: recorded as would_block, nothing is denied. */
#define BH_ACTION_OBSERVE (1u << 3)

/* Values of bulkhead.v1.EventKind. */
#define BH_EVENT_FORK 1
#define BH_EVENT_EXEC 2
#define BH_EVENT_EXIT 3

/* Values of bulkhead.v1.Verdict. */
#define BH_VERDICT_ALLOWED 1
#define BH_VERDICT_DENIED 2
#define BH_VERDICT_KILLED 3
#define BH_VERDICT_WOULD_BLOCK 4
#define BH_VERDICT_UNDECIDED 5

/* Bits of bh_event.flags. */
#define BH_EVENT_INTERACTIVE (1u << 0)
#define BH_EVENT_ARGS_TRUNCATED (1u << 1)
/* The executable has no link left, or never had one (memfd). */
#define BH_EVENT_UNLINKED (1u << 2)

/* Bits of bh_cgroup.flags. */
/* A cgroup made below becomes a container of its own, until claimed. */
#define BH_CGROUP_WATCHED (1u << 0)
/* A cgroup made below belongs to the same container. */
#define BH_CGROUP_CLAIMED (1u << 1)

/* Bits of bh_process.flags. */
/* It has run an image in a mount namespace that is not the host's. */
#define BH_PROCESS_ENTERED (1u << 0)
/* Its exec is in a ring, so its exit will be too. */
#define BH_PROCESS_EMITTED (1u << 1)

#define BH_CGROUP_MKDIR 1
#define BH_CGROUP_RMDIR 2

/* Why something could not be decided: bit by position in this list. */
#define BH_UNDECIDED_REASONS(X)                                                \
	X(path_too_long)                                                       \
	X(path_read_failed)                                                    \
	X(origin_read_failed)                                                  \
	X(policy_set_missing)                                                  \
	X(scratch_busy)                                                        \
	X(script_not_judged)                                                   \
	X(signal_failed)

/* Nothing fails silently: counters by place and reason. */
#define BH_COUNTERS(X)                                                         \
	X(verdict_denied)                                                      \
	X(verdict_killed)                                                      \
	X(verdict_would_block)                                                 \
	X(runtime_exec_exempt)                                                 \
	X(alert_ring_full)                                                     \
	X(telemetry_ring_full)                                                 \
	X(cgroup_ring_full)                                                    \
	X(cgroups_map_full)                                                    \
	X(cgroup_too_deep)                                                     \
	X(processes_map_full)                                                  \
	X(roots_map_full)                                                      \
	X(policy_set_missing)                                                  \
	X(path_too_long)                                                       \
	X(path_read_failed)                                                    \
	X(origin_read_failed)                                                  \
	X(args_read_failed)                                                    \
	X(scratch_busy)                                                        \
	X(script_not_judged)                                                   \
	X(signal_failed)

enum bh_undecided_reason {
#define X(name) BH_UNDECIDED_##name,
	BH_UNDECIDED_REASONS(X)
#undef X
		BH_UNDECIDED_COUNT
};

enum bh_counter {
#define X(name) BH_COUNTER_##name,
	BH_COUNTERS(X)
#undef X
		BH_COUNTER_COUNT
};

/* cgroups: cgroup id -> */
struct bh_cgroup {
	/* Key of containers; 0: a watched parent, its own tasks are host. */
	__u64 container;
	__u64 parent;
	__u32 flags;
	__u32 pad;
};

/* containers: cgroup id of the container -> */
struct bh_container {
	/* The key again: a reader that raced with reuse sees a mismatch. */
	__u64 id;
	/* super_block.s_dev of its root, the kernel's encoding; 0: not known.
	 */
	__u64 root_device;
	/* Keys of policy_sets; 0: none. */
	__u32 active_set;
	__u32 candidate_set;
};

struct bh_policy_selector {
	__u32 operations;
	/* All ones: no condition. */
	__u32 origins;
	/* BH_SESSION_...; all ones: no condition. */
	__u32 sessions;
};

/* Masks over the indexes of the selectors. */
struct bh_policy_response {
	__u64 match;
	__u64 exclude;
	__u32 actions;
	__u32 pad;
};

/* policy_sets: set id -> */
struct bh_policy_set {
	__u32 selector_count;
	__u32 response_count;
	struct bh_policy_selector selectors[BH_SELECTORS_MAX];
	struct bh_policy_response responses[BH_RESPONSES_MAX];
};

/* processes: tgid -> */
struct bh_process {
	__u64 start_boottime_ns;
	/* The cgroup of its last exec. */
	__u64 cgroup;
	__u32 flags;
	__u32 origin;
};

/* config[0] */
struct bh_config {
	/* Made at random with the rings: positions belong to one instance. */
	__u64 ring_instance;
	/* Tasks that are older were never seen to enter their container. */
	__u64 attached_boottime_ns;
	/* Set of a container that is not in containers; 0: none. */
	__u32 unknown_set;
	/* From struct inode to ovl_inode.__upperdentry. */
	__u32 overlay_upper_offset;
	__u32 host_namespace_count;
	/* Inode numbers of the host's mount namespaces. */
	__u32 host_namespaces[BH_HOST_NAMESPACES_MAX];
	/* An LSM or fmod_ret program judges before the tracepoint does. */
	__u32 exec_is_judged_early;
};

/*
 * alerts and telemetry; followed by path_length bytes of executable path,
 * args_length bytes of NUL-separated arguments, parent_path_length bytes of the
 * parent's executable path and directory_length bytes of the working directory.
 */
struct bh_event {
	__u64 time_boottime_ns;
	__u64 cpu_sequence;
	__u64 cgroup;
	__u64 container;
	/* Indexes of responses of the set. */
	__u64 fired;
	__u64 start_boottime_ns;
	__u64 parent_start_boottime_ns;
	__u64 inode;
	__u64 run_time_ns;
	/* A bit for each capability, by its number. */
	__u64 effective_capabilities;
	__u64 permitted_capabilities;
	__u32 cpu;
	__u32 set;
	__u32 actions;
	/* Bits of enum bh_undecided_reason. */
	__u32 undecided;
	__u32 flags;
	__u32 pid;
	__u32 parent_pid;
	__u32 session_leader_pid;
	__u32 namespace_pid;
	/* Effective. */
	__u32 user_id;
	__u32 group_id;
	__u32 real_user_id;
	__u32 real_group_id;
	/* Device numbers of the controlling terminal; 0, 0: none. */
	__u32 terminal_major;
	__u32 terminal_minor;
	/* As in wait(2). */
	__u32 exit_status;
	__u16 mode;
	__u16 path_length;
	__u16 args_length;
	__u16 parent_path_length;
	__u16 directory_length;
	__u8 kind;
	__u8 verdict;
	__u8 origin;
	__u8 pad[7];
	char name[16];
};

/* cgroup_events; followed by path_length bytes of path below the v2 root. */
struct bh_cgroup_event {
	__u64 cgroup;
	__u64 parent;
	__u32 kind;
	__u32 path_length;
};

#endif
