/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_MAPS_H
#define BULKHEAD_MAPS_H

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

/* Device of a container's root as its first image saw it, until claimed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BH_CONTAINERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, __u64);
} container_roots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, BH_POLICY_SETS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct bh_policy_set);
} policy_sets SEC(".maps");

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

struct bh_scratch {
	__u64 busy;
	/* A path is built from its end to its start; the tail is slack. */
	char walk[BH_PATH_BYTES_MAX + BH_COMPONENT_BYTES_MAX + 1];
	struct bh_event event;
	char data[3 * BH_PATH_BYTES_MAX + BH_ARGS_BYTES_MAX];
};

enum bh_scratch_slot {
	/* Tracepoints run with preemption off: nothing else can use it. */
	BH_SCRATCH_TRACEPOINT,
	/* LSM programs and trampolines can be preempted: taken by busy. */
	BH_SCRATCH_TRAMPOLINE,
	BH_SCRATCH_COUNT,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, BH_SCRATCH_COUNT);
	__type(key, __u32);
	__type(value, struct bh_scratch);
} scratch SEC(".maps");

#endif
