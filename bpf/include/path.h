/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_PATH_H
#define BULKHEAD_PATH_H

/* Steps over mount points need iterations of their own. */
#define BH_PATH_STEPS_MAX (BH_PATH_COMPONENTS_MAX + 16)

struct bh_walk {
	struct vfsmount *mnt;
	struct dentry *dentry;
	struct vfsmount *root_mnt;
	struct dentry *root_dentry;
};

#define BH_WALK_TOO_LONG (-1)
#define BH_WALK_READ_FAILED (-2)

/*
 * Writes the path into scratch->walk so that it ends at BH_PATH_BYTES_MAX and
 * returns where it starts, or BH_WALK_*. It stops at the task's root, at the
 * end of an unreachable mount, or at a file that has no directory (memfd),
 * whose path is then "/" and its name, as d_path() says it. A rename under the
 * walk can give a path that never was: it costs a wrong name, never a crash.
 */
__noinline int bh_walk(struct bh_scratch *scratch, struct bh_walk *walk)
{
	__u32 start = BH_PATH_BYTES_MAX;
	struct dentry *dentry;
	struct vfsmount *mnt;

	if (!scratch || !walk)
		return BH_WALK_READ_FAILED;
	mnt = walk->mnt;
	dentry = walk->dentry;

	for (int i = 0; i < BH_PATH_STEPS_MAX; i++) {
		struct dentry *parent, *mnt_root;
		const unsigned char *name;
		__u32 length;

		if (dentry == walk->root_dentry && mnt == walk->root_mnt)
			return start;
		if (bpf_core_read(&mnt_root, sizeof(mnt_root), &mnt->mnt_root))
			return BH_WALK_READ_FAILED;
		if (dentry == mnt_root) {
			struct mount *mount, *above;

			mount = (void *)mnt -
				bpf_core_field_offset(struct mount, mnt);
			if (bpf_core_read(&above, sizeof(above),
					  &mount->mnt_parent))
				return BH_WALK_READ_FAILED;
			if (above == mount)
				return start;
			if (bpf_core_read(&dentry, sizeof(dentry),
					  &mount->mnt_mountpoint))
				return BH_WALK_READ_FAILED;
			mnt = (void *)above +
			      bpf_core_field_offset(struct mount, mnt);
			continue;
		}
		if (bpf_core_read(&parent, sizeof(parent), &dentry->d_parent) ||
		    bpf_core_read(&length, sizeof(length),
				  &dentry->d_name.len) ||
		    bpf_core_read(&name, sizeof(name), &dentry->d_name.name))
			return BH_WALK_READ_FAILED;
		if (length > BH_COMPONENT_BYTES_MAX || length + 1 > start)
			return BH_WALK_TOO_LONG;
		start -= length + 1;
		/* What the verifier needs to see, and cannot change start. */
		start &= BH_PATH_BYTES_MAX - 1;
		scratch->walk[start] = '/';
		if (bpf_probe_read_kernel(&scratch->walk[start + 1],
					  length & BH_COMPONENT_BYTES_MAX,
					  name))
			return BH_WALK_READ_FAILED;
		if (parent == dentry)
			return start;
		dentry = parent;
	}
	return BH_WALK_TOO_LONG;
}

#define BH_PATH_OFFSET_MAX                                                     \
	(sizeof(((struct bh_scratch *)0)->data) - BH_PATH_BYTES_MAX)

/*
 * Appends the path that a task sees to scratch->data at offset (at most
 * BH_PATH_OFFSET_MAX) and returns its length; 0 and a reason in undecided: it
 * could not be told.
 */
static __always_inline __u32 bh_append_path(struct bh_scratch *scratch,
					    struct task_struct *task,
					    struct path *path, __u32 offset,
					    __u32 *undecided)
{
	struct bh_walk walk = {};
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	__u32 length;
	int start;

	walk.mnt = BPF_CORE_READ(path, mnt);
	walk.dentry = BPF_CORE_READ(path, dentry);
	walk.root_mnt = BPF_CORE_READ(fs, root.mnt);
	walk.root_dentry = BPF_CORE_READ(fs, root.dentry);
	if (!walk.mnt || !walk.dentry || !walk.root_dentry) {
		bh_undecided(undecided, path_read_failed);
		return 0;
	}
	start = bh_walk(scratch, &walk);
	if (start == BH_WALK_TOO_LONG) {
		bh_undecided(undecided, path_too_long);
		return 0;
	}
	if (start < 0 || start > BH_PATH_BYTES_MAX) {
		bh_undecided(undecided, path_read_failed);
		return 0;
	}
	if (offset > BH_PATH_OFFSET_MAX)
		return 0;
	if (start == BH_PATH_BYTES_MAX) {
		scratch->data[offset] = '/';
		return 1;
	}
	length = BH_PATH_BYTES_MAX - start;
	if (length > BH_PATH_BYTES_MAX)
		return 0;
	if (bpf_probe_read_kernel(&scratch->data[offset], length,
				  &scratch->walk[start])) {
		bh_undecided(undecided, path_read_failed);
		return 0;
	}
	return length;
}

#endif
