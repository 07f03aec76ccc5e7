/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_CONTAINER_H
#define BULKHEAD_CONTAINER_H

/* A task's place; its root is told by bh_find_root(). container 0: on the host.
 */
struct bh_place {
	__u64 cgroup;
	__u64 container;
	__u64 root_device;
	/* Address of the dentry that is its root; 0: not known. */
	__u64 root_dentry;
	__u32 active_set;
	__u32 candidate_set;
};

static __always_inline struct task_struct *bh_current(void)
{
	return (void *)bpf_get_current_task();
}

static __always_inline __u64 bh_cgroup_id(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, kn, id);
}

static __always_inline struct cgroup *bh_cgroup_parent(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, self.parent, cgroup);
}

/* A climb from a cgroup to the nearest one that has an entry. */
struct bh_climb {
	__u64 cgroup;
	/* NULL: none has. */
	struct bh_cgroup *entry;
	__u32 done;
};

static long bh_climb_on(__u32 i, struct bh_climb *climb)
{
	struct cgroup *cgroup = (void *)climb->cgroup;
	__u64 id = bh_cgroup_id(cgroup);

	climb->entry = bpf_map_lookup_elem(&cgroups, &id);
	climb->cgroup = (__u64)bh_cgroup_parent(cgroup);
	climb->done = climb->entry || !climb->cgroup;
	return climb->done;
}

/*
 * The container of a cgroup that has no entry of its own (made before the
 * programs were attached, or the map was full), 0: none. The nearest ancestor
 * with an entry answers, as it would have at mkdir.
 */
static __noinline __u64 bh_container_above(__u64 cgroup_address)
{
	struct bh_climb climb = {.cgroup = cgroup_address};
	struct bh_cgroup *entry;

	bpf_loop(BH_CGROUP_DEPTH_MAX, bh_climb_on, &climb, 0);
	if (!climb.done)
		bh_count(BH_COUNTER_cgroup_too_deep);
	entry = climb.entry;
	if (!entry)
		return 0;
	if (entry->flags & BH_CGROUP_CLAIMED)
		return entry->container;
	return bh_cgroup_id((void *)cgroup_address);
}

static __always_inline struct bh_process *bh_process(struct task_struct *task)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct bh_process *process = bpf_map_lookup_elem(&processes, &tgid);

	if (process &&
	    process->start_boottime_ns !=
		    BPF_CORE_READ(task, group_leader, start_boottime))
		return NULL;
	return process;
}

/*
 * The task that runs now. Its members are read as they are: of what
 * BPF_CORE_READ() reads each is a call, and an open asks for 20 of them.
 */
#define bh_self() bpf_get_current_task_btf()

static __always_inline struct bh_process *bh_own_process(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct bh_process *process = bpf_map_lookup_elem(&processes, &tgid);

	if (process && process->start_boottime_ns !=
			       bh_self()->group_leader->start_boottime)
		return NULL;
	return process;
}

/* A process that once ran an image of a container stays in it, also when it
 * moved itself to a cgroup of the host. 0: it is in none. */
static __always_inline __u64
bh_container_it_entered(const struct bh_process *process)
{
	struct bh_cgroup *entry;
	__u64 id;

	if (!process || !(process->flags & BH_PROCESS_ENTERED))
		return 0;
	id = process->cgroup;
	entry = bpf_map_lookup_elem(&cgroups, &id);
	return entry && entry->container ? entry->container : id;
}

static __always_inline void bh_fill_place(struct bh_place *place, __u64 id)
{
	const struct bh_config *config = bh_config();
	struct bh_container *container;

	place->container = id;
	place->root_device = 0;
	place->root_dentry = 0;
	place->active_set = config ? config->unknown_set : 0;
	place->candidate_set = 0;
	container = bpf_map_lookup_elem(&containers, &id);
	if (container && container->id == id) {
		place->root_device = container->root_device;
		place->active_set = container->active_set;
		place->candidate_set = container->candidate_set;
	}
}

/* What is asked for only where an act is in question. */
static __always_inline void bh_find_root(struct bh_place *place)
{
	__u64 id = place->container;
	struct bh_root *root = bpf_map_lookup_elem(&container_roots, &id);

	if (!root)
		return;
	place->root_dentry = root->dentry;
	if (!place->root_device)
		place->root_device = root->device;
}

/* Finds the container and sets of a task. */
__noinline int bh_find_place(__u64 task_address, struct bh_place *place)
{
	struct task_struct *task = (void *)task_address;
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	__u64 id = bh_cgroup_id(cgroup);
	struct bh_cgroup *entry = bpf_map_lookup_elem(&cgroups, &id);

	if (!place)
		return false;
	place->cgroup = id;
	id = entry ? entry->container : bh_container_above((__u64)cgroup);
	if (!id)
		id = bh_container_it_entered(bh_process(task));
	if (!id)
		return false;
	bh_fill_place(place, id);
	return true;
}

/* The same of the one that runs now. */
__noinline int bh_find_own_place(struct bh_place *place)
{
	__u64 id = bh_self()->cgroups->dfl_cgrp->kn->id;
	struct bh_cgroup *entry = bpf_map_lookup_elem(&cgroups, &id);

	if (!place)
		return false;
	place->cgroup = id;
	if (entry)
		id = entry->container;
	else
		id = bh_container_above(
			(__u64)BPF_CORE_READ(bh_current(), cgroups, dfl_cgrp));
	if (!id)
		id = bh_container_it_entered(bh_own_process());
	if (!id)
		return false;
	bh_fill_place(place, id);
	return true;
}

static __always_inline bool bh_in_host_namespace(struct task_struct *task)
{
	const struct bh_config *config = bh_config();
	__u32 namespace = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);

	if (!config)
		return false;
	for (__u32 i = 0; i < BH_HOST_NAMESPACES_MAX; i++) {
		if (i < config->host_namespace_count &&
		    config->host_namespaces[i] == namespace)
			return true;
	}
	return false;
}

/*
 * The first image of a container is started by its runtime with the
 * container's root: nothing of the container has run that could have changed
 * what "/" is.
 */
static __always_inline void bh_learn_root(struct task_struct *task,
					  struct bh_place *place)
{
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	struct bh_root root = {
		.device = BPF_CORE_READ(fs, root.mnt, mnt_sb, s_dev),
		.dentry = (__u64)BPF_CORE_READ(fs, root.dentry),
	};

	if (place->root_dentry || !root.device)
		return;
	if (bpf_map_update_elem(&container_roots, &place->container, &root,
				BPF_NOEXIST)) {
		bh_count(BH_COUNTER_roots_map_full);
		return;
	}
	place->root_dentry = root.dentry;
	if (!place->root_device)
		place->root_device = root.device;
}

#endif
