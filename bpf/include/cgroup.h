/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_CGROUP_H
#define BULKHEAD_CGROUP_H

struct bh_cgroup_record {
	struct bh_cgroup_event event;
	char path[BH_CGROUP_PATH_BYTES_MAX];
};

/* v1 hierarchies fire the same tracepoints; the v2 one is number 0. */
static __always_inline bool bh_in_default_hierarchy(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, root, hierarchy_id) == 0;
}

/* Not inlined: so its BTF holds the record's layout, for the test of it. */
static __noinline void bh_fill_cgroup(struct bh_cgroup_event *event, __u32 kind,
				      __u64 id, __u64 parent)
{
	event->kind = kind;
	event->cgroup = id;
	event->parent = parent;
}

static __always_inline void bh_tell_cgroup(__u32 kind, __u64 id, __u64 parent,
					   const char *path)
{
	struct bh_cgroup_record *record;
	long length;

	record = bpf_ringbuf_reserve(&cgroup_events, sizeof(*record), 0);
	if (!record) {
		bh_count(BH_COUNTER_cgroup_ring_full);
		return;
	}
	bh_fill_cgroup(&record->event, kind, id, parent);
	length = bpf_probe_read_kernel_str(record->path, sizeof(record->path),
					   path);
	record->event.path_length = length > 0 ? length - 1 : 0;
	bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
}

/* The nearest that has an entry, as in bh_container_above(). */
static __always_inline struct bh_cgroup *bh_nearest(struct cgroup *cgroup)
{
	struct bh_climb climb = {.cgroup = (__u64)cgroup};

	if (cgroup)
		bpf_loop(BH_CGROUP_DEPTH_MAX, bh_climb_on, &climb, 0);
	return climb.entry;
}

static __always_inline void bh_cgroup_made(struct cgroup *cgroup,
					   const char *path)
{
	struct cgroup *parent = bh_cgroup_parent(cgroup);
	struct bh_cgroup *nearest = bh_nearest(parent);
	__u64 id = bh_cgroup_id(cgroup);
	struct bh_cgroup entry = {};

	if (!nearest)
		return;
	entry.parent = bh_cgroup_id(parent);
	entry.flags = nearest->flags;
	entry.container = id;
	if (nearest->flags & BH_CGROUP_CLAIMED)
		entry.container = nearest->container;
	if (bpf_map_update_elem(&cgroups, &id, &entry, BPF_ANY))
		bh_count(BH_COUNTER_cgroups_map_full);
	if (entry.container == id)
		bh_tell_cgroup(BH_CGROUP_MKDIR, id, entry.parent, path);
}

static __always_inline void bh_cgroup_gone(struct cgroup *cgroup,
					   const char *path)
{
	__u64 id = bh_cgroup_id(cgroup);
	struct bh_cgroup *entry = bpf_map_lookup_elem(&cgroups, &id);
	__u64 container, parent;

	if (!entry)
		return;
	container = entry->container;
	parent = entry->parent;
	bpf_map_delete_elem(&cgroups, &id);
	bpf_map_delete_elem(&container_roots, &id);
	if (container == id)
		bh_tell_cgroup(BH_CGROUP_RMDIR, id, parent, path);
}

#endif
