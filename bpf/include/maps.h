/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_MAPS_H
#define BULKHEAD_MAPS_H

#include "automaton.h"

/*
 * Not preallocated where an entry lives rarely: the pool for the worst case
 * would be locked memory on every node. processes is written at every fork of
 * a container, so it has its pool.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BH_CGROUPS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct bh_cgroup);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BH_CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct bh_container);
} containers SEC(".maps");

/* A container's root as its first image saw it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BH_CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct bh_root);
} container_roots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BH_POLICY_SETS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct bh_policy_set);
} policy_sets SEC(".maps");

/*
 * automatons_small ... automatons_largest: set id -> one struct bh_automaton
 * and what follows it (automaton.h). One value, since every byte of a path
 * costs a look-up where it stands in pages: 30 ns against 3 (6.18). By size:
 * BTF has no types that only an inner map names.
 */
#define X(name, words)                                                         \
	struct bh_automaton_of_##name {                                        \
		__uint(type, BPF_MAP_TYPE_ARRAY);                              \
		__uint(max_entries, 1);                                        \
		__uint(key_size, sizeof(__u32));                               \
		__uint(value_size, (words) * sizeof(__u32));                   \
	};                                                                     \
	struct {                                                               \
		__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);                       \
		__uint(max_entries, BH_POLICY_SETS_MAX);                       \
		__type(key, __u32);                                            \
		__array(values, struct bh_automaton_of_##name);                \
	} automatons_##name SEC(".maps");
BH_AUTOMATON_CLASSES(X)
#undef X

/* What a rollout's candidate would do otherwise than the set in force. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BH_COMPARISONS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct bh_comparison_key);
	__type(value, struct bh_comparison);
} comparisons SEC(".maps");

/* Log-only file events told lately; the oldest give way. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BH_RECENT_MAX);
	__type(key, struct bh_recent_key);
	__type(value, struct bh_recent);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BH_PROCESSES_MAX);
	__type(key, __u32);
	__type(value, struct bh_process);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bh_config);
} config SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BH_COUNTER_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* [0]: records made on this CPU, stored or not. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sequences SEC(".maps");

/* Read ahead of the committed position, so the kernel cannot tell when the
 * reader sleeps: emit.h asks for wake-ups explicitly. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BH_ALERT_RING_BYTES);
} alerts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BH_TELEMETRY_RING_BYTES);
} telemetry SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, BH_CGROUP_RING_BYTES);
} cgroup_events SEC(".maps");

/* The longest component that a path may have. */
#define BH_COMPONENT_BYTES_MAX 255

/* A walk from a file up to a root. Addresses. */
struct bh_walk {
	__u64 mnt;
	__u64 dentry;
	/* Where it ends; mnt 0: at that dentry in any mount. */
	__u64 root_mnt;
	__u64 root_dentry;
	/* Of mnt; 0: not read yet. */
	__u64 mnt_root;
	/* Whose root that is, where the container's is not known. */
	__u64 task;
	__s32 start;
	__u32 done;
};

/* A walk of an automaton over a path. */
struct bh_march {
	/* Lists of patterns, a bit each: matched whatever follows, until the
	 * next slash, if the path ends here. */
	__u64 matched;
	__u64 component;
	__u64 final;
	__u32 start;
	/* What each head's last byte led to. */
	__u32 cells[BH_AUTOMATON_HEADS];
};

struct bh_scratch {
	__u64 busy;
	struct bh_walk step;
	struct bh_march march;
	/* A path is built from its end to its start; the tail is slack. */
	char walk[BH_PATH_BYTES_MAX + BH_COMPONENT_BYTES_MAX + 1];
	struct bh_event event;
	char data[3 * BH_PATH_BYTES_MAX + BH_ARGS_BYTES_MAX];
};

/* Tracepoints run with preemption off: nothing else can use the first. LSM
 * programs and trampolines can be preempted: each takes one that is free. */
#define BH_SCRATCH_TRACEPOINT 0
#define BH_SCRATCH_COUNT 8

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BH_SCRATCH_COUNT);
	__type(key, __u32);
	__type(value, struct bh_scratch);
} scratch SEC(".maps");

#endif
