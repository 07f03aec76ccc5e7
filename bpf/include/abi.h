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
#define BH_COMPARISONS_MAX 65536
/* Identical log-only file events are told once in a second. */
#define BH_RECENT_MAX 16384
#define BH_RECENT_NS 1000000000ull
#define BH_CGROUP_DEPTH_MAX 32

/* Lists of path patterns; the bit above is BH_LISTS_ANY. */
#define BH_PATH_LISTS_MAX 63
/* Set in whatever lists match, and in what a selector without a condition asks
 * for. */
#define BH_LISTS_ANY (1ull << BH_PATH_LISTS_MAX)
/* Users that selectors name, in one set. */
#define BH_USER_RANGES_MAX 64
/* Set in every task's capabilities, and in what a selector without a condition
 * asks for. */
#define BH_CAPABILITIES_ANY (1ull << 63)

/* Sizes of automatons in 32-bit words: an inner map's value has one size. */
#define BH_AUTOMATON_CLASSES(X)                                                \
	X(small, 4096u)                                                        \
	X(medium, 32768u)                                                      \
	X(large, 262144u)                                                      \
	X(largest, 1048576u)

#define BH_PATH_BYTES_MAX 1024
#define BH_PATH_COMPONENTS_MAX 64
#define BH_ARGS_BYTES_MAX 1024
#define BH_CGROUP_PATH_BYTES_MAX 512
#define BH_HOST_NAMESPACES_MAX 8

#define BH_ALERT_RING_BYTES (1 << 20)
#define BH_TELEMETRY_RING_BYTES (8 << 20)
#define BH_CGROUP_RING_BYTES (256 << 10)

/* Values of bulkhead.v1.Operation; an act's bit is 1 << (n - 1). */
#define BH_OPERATIONS(X)                                                       \
	X(FORK, 1)                                                             \
	X(EXEC, 2)                                                             \
	X(LOAD, 3)                                                             \
	X(CREATE_EXECUTABLE, 4)                                                \
	X(MODIFY_EXECUTABLE, 5)                                                \
	X(CREATE_FILE, 6)                                                      \
	X(MODIFY_FILE, 7)                                                      \
	X(DELETE_FILE, 8)                                                      \
	X(OPEN_FILE, 9)                                                        \
	X(RENAME_FILE, 10)
#define BH_OPERATIONS_COUNT 10

/* Values of bulkhead.v1.ExecutableOrigin. */
#define BH_ORIGIN_UNDECIDED 0
#define BH_ORIGIN_IMAGE 1
#define BH_ORIGIN_WRITABLE 2
#define BH_ORIGIN_MEMORY 3
#define BH_ORIGIN_VOLUME 4
#define BH_ORIGIN_UNKNOWN 5
#define BH_ORIGINS_COUNT 6

#define BH_SESSION_WITHOUT_TERMINAL 0
#define BH_SESSION_WITH_TERMINAL 1
#define BH_SESSIONS_COUNT 2

/* Values of bulkhead.v1.TargetVolume. */
#define BH_VOLUME_UNDECIDED 0
#define BH_VOLUME_NONE 1
#define BH_VOLUME_DIRECTORY 2
#define BH_VOLUME_FILE 3
#define BH_VOLUMES_COUNT 4

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
#define BH_EVENT_LOAD 4
#define BH_EVENT_FILE 5
#define BH_EVENT_SESSION 6

/* Bits of bh_event.session_change: what is another one now. */
#define BH_SESSION_CHANGE_LEADER (1u << 0)
#define BH_SESSION_CHANGE_TERMINAL (1u << 1)

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
	X(signal_failed)                                                       \
	X(credentials_read_failed)                                             \
	X(volume_read_failed)

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
	X(signal_failed)                                                       \
	X(credentials_read_failed)                                             \
	X(volume_read_failed)                                                  \
	X(file_event_suppressed)                                               \
	X(comparisons_map_full)                                                \
	X(mapping_busy)

enum bh_undecided_reason {
#define X(name) BH_UNDECIDED_##name,
	BH_UNDECIDED_REASONS(X)
#undef X
		BH_UNDECIDED_COUNT
};

enum bh_operation {
#define X(name, number) BH_OPERATION_##name = 1u << ((number)-1),
	BH_OPERATIONS(X)
#undef X
};

enum bh_automaton_class {
#define X(name, words) BH_AUTOMATON_##name,
	BH_AUTOMATON_CLASSES(X)
#undef X
		BH_AUTOMATON_CLASSES_COUNT
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

/* What a selector asks for of what has too many values for a mask of its own.
 */
struct bh_policy_selector {
	/* One list of patterns; BH_LISTS_ANY: no condition. */
	__u64 executables;
	__u64 parents;
	__u64 targets;
	/* Any of them; BH_CAPABILITIES_ANY: no condition. */
	__u64 capabilities;
};

/* Both ends belong to it. */
struct bh_user_range {
	__u32 first;
	__u32 last;
	/* That ask for it. */
	__u64 selectors;
};

/* Masks over the indexes of the selectors. */
struct bh_policy_response {
	__u64 match;
	__u64 exclude;
	__u32 actions;
	__u32 pad;
};

/*
 * policy_sets: set id -> . Selectors stand in it by what they ask for: a mask
 * of those that a value satisfies, so that most acts are settled by a few ands.
 */
struct bh_policy_set {
	__u32 selector_count;
	__u32 response_count;
	__u32 user_range_count;
	/* enum bh_automaton_class */
	__u32 automaton_class;
	/* By number of the operation minus 1. */
	__u64 operations[BH_OPERATIONS_COUNT];
	__u64 origins[BH_ORIGINS_COUNT];
	__u64 sessions[BH_SESSIONS_COUNT];
	__u64 volumes[BH_VOLUMES_COUNT];
	/* Without a condition on the user. */
	__u64 any_user;
	/* With a condition on ... */
	__u64 executables;
	__u64 parents;
	__u64 targets;
	__u64 capabilities;
	struct bh_policy_selector selectors[BH_SELECTORS_MAX];
	struct bh_user_range users[BH_USER_RANGES_MAX];
	struct bh_policy_response responses[BH_RESPONSES_MAX];
};

/* container_roots: the key of containers -> */
struct bh_root {
	/* super_block.s_dev */
	__u64 device;
	/* Address of its dentry: where a path in the container ends. */
	__u64 dentry;
};

/* The lists that match the path of an executable. */
struct bh_path_lists {
	__u64 lists;
	/* The set they belong to; 0: not told yet. */
	__u32 set;
	__u32 pad;
};

/* comparisons: one response of one set in one container, while the container
 * has a candidate. */
struct bh_comparison_key {
	__u64 container;
	__u32 active_set;
	__u32 candidate_set;
	/* 1: response of the candidate, else of the active set. */
	__u32 is_candidate;
	/* BH_RESPONSES_MAX: of no response, the act itself. */
	__u32 response;
};

/* comparisons -> how many acts ... deny, block observed or not */
struct bh_comparison {
	__u64 both_allow;
	__u64 both_deny;
	__u64 only_active_denies;
	__u64 only_candidate_denies;
};

/* recent: what makes two file events identical. */
struct bh_recent_key {
	__u64 container;
	/* Indexes of responses of the set. */
	__u64 fired;
	__u64 directory_inode;
	__u64 device;
	__u32 set;
	__u32 pid;
	__u32 operations;
	/* Of the name in the directory, the kernel's. */
	__u32 name_hash;
};

/* recent -> */
struct bh_recent {
	__u64 told_boottime_ns;
	__u64 suppressed;
};

/* processes: tgid -> */
struct bh_process {
	__u64 start_boottime_ns;
	/* The cgroup of its last exec. */
	__u64 cgroup;
	__u32 flags;
	__u32 origin;
	/* As last told: pid of its session's leader; device number of its
	 * controlling terminal, as the kernel has it, 0: none. */
	__u32 session_leader;
	__u32 terminal;
	/* Of its executable, in the active and the candidate set. */
	struct bh_path_lists executable[2];
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
 * parent's executable path, directory_length bytes of the working directory,
 * target_path_length bytes of the path of the file acted on, and
 * other_path_length bytes of its other name (rename, link).
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
	__u64 target_inode;
	/* Identical events left out since one was told. */
	__u64 suppressed;
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
	/* Bits of enum bh_operation. */
	__u32 operations;
	/* As in open(2). */
	__u32 open_flags;
	__u16 mode;
	__u16 path_length;
	__u16 args_length;
	__u16 parent_path_length;
	__u16 directory_length;
	__u16 target_path_length;
	__u16 other_path_length;
	__u16 target_mode;
	/* chmod */
	__u16 new_mode;
	__u8 kind;
	__u8 verdict;
	__u8 origin;
	__u8 target_origin;
	__u8 target_volume;
	__u8 session_change;
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
