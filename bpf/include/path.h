/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_PATH_H
#define BULKHEAD_PATH_H

/* Steps over mount points need iterations of their own. */
#define BH_PATH_STEPS_MAX (BH_PATH_COMPONENTS_MAX + 16)

#define BH_WALK_TOO_LONG (-1)
#define BH_WALK_READ_FAILED (-2)

/* bpf_loop() takes nothing but the stack, of which there is little. */
struct bh_scratch_holder {
	struct bh_scratch *scratch;
};

/* What a dentry says of its name: as it lies in the kernel. */
struct bh_name {
	struct dentry *parent;
	__u32 hash;
	__u32 length;
	const unsigned char *bytes;
};

/*
 * d_parent and d_name are neighbours on every kernel so far: one read instead
 * of three, each of which is a call. That and mnt_root once a mount: 0.3 us of
 * a path of 100 bytes ("Numbers" in bpf/README.md).
 */
static __always_inline long bh_read_name(struct dentry *dentry,
					 struct bh_name *name)
{
	if (bpf_core_field_offset(struct dentry, d_name) ==
		    bpf_core_field_offset(struct dentry, d_parent) +
			    sizeof(name->parent) &&
	    bpf_core_field_offset(struct qstr, len) == sizeof(name->hash) &&
	    bpf_core_field_offset(struct qstr, name) == sizeof(__u64))
		return bpf_core_read(name, sizeof(*name), &dentry->d_parent);
	return bpf_core_read(&name->parent, sizeof(name->parent),
			     &dentry->d_parent) ||
	       bpf_core_read(&name->length, sizeof(name->length),
			     &dentry->d_name.len) ||
	       bpf_core_read(&name->bytes, sizeof(name->bytes),
			     &dentry->d_name.name);
}

/* One step up; 1: the walk is over. */
static long bh_walk_on(__u32 i, struct bh_scratch_holder *holder)
{
	struct bh_walk *walk = &holder->scratch->step;
	struct vfsmount *mnt = (void *)walk->mnt;
	struct dentry *dentry = (void *)walk->dentry;
	struct bh_name name;
	__u32 length, start;

	walk->done = 1;
	if (walk->dentry == walk->root_dentry &&
	    (!walk->root_mnt || walk->mnt == walk->root_mnt))
		return 1;
	if (!walk->mnt_root &&
	    bpf_core_read(&walk->mnt_root, sizeof(__u64), &mnt->mnt_root))
		goto out_unreadable;
	if (walk->dentry == walk->mnt_root) {
		struct mount *mount, *above;

		mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
		if (bpf_core_read(&above, sizeof(above), &mount->mnt_parent) ||
		    bpf_core_read(&dentry, sizeof(dentry),
				  &mount->mnt_mountpoint))
			goto out_unreadable;
		if (above == mount)
			return 1;
		walk->dentry = (__u64)dentry;
		walk->mnt =
			(__u64)above + bpf_core_field_offset(struct mount, mnt);
		walk->mnt_root = 0;
		walk->done = 0;
		return 0;
	}
	if (bh_read_name(dentry, &name))
		goto out_unreadable;
	length = name.length;
	start = walk->start;
	if (length > BH_COMPONENT_BYTES_MAX || length + 1 > start) {
		walk->start = BH_WALK_TOO_LONG;
		return 1;
	}
	start -= length + 1;
	/* What the verifier needs to see, and cannot change start. */
	start &= BH_PATH_BYTES_MAX - 1;
	barrier_var(start);
	start &= BH_PATH_BYTES_MAX - 1;
	holder->scratch->walk[start] = '/';
	if (bpf_probe_read_kernel(&holder->scratch->walk[start + 1],
				  length & BH_COMPONENT_BYTES_MAX, name.bytes))
		goto out_unreadable;
	walk->start = start;
	if (name.parent == dentry)
		return 1;
	walk->dentry = (__u64)name.parent;
	walk->done = 0;
	return 0;

out_unreadable:
	walk->start = BH_WALK_READ_FAILED;
	return 1;
}

/* What to walk. root_dentry 0: from the task's own root. */
static __always_inline void bh_aim(struct bh_scratch *scratch, __u64 mnt,
				   __u64 dentry, __u64 root_dentry, __u64 task)
{
	scratch->step.mnt = mnt;
	scratch->step.dentry = dentry;
	scratch->step.root_dentry = root_dentry;
	scratch->step.task = task;
}

/*
 * Writes a path to the end of scratch->walk and returns where it starts; -1
 * and a reason in undecided: it could not be told. It begins at the container's
 * root, or the task's, at the end of an unreachable mount, or at a file that
 * has no directory (memfd), whose path is then "/" and its name, as d_path()
 * says it. A rename under the walk can give a path that never was: it costs a
 * wrong name, never a crash.
 */
__noinline int bh_walk_path(struct bh_scratch *scratch, __u32 *undecided)
{
	struct bh_scratch_holder holder = {scratch};
	struct bh_walk *walk;

	if (!scratch || !undecided)
		return -1;
	walk = &scratch->step;
	walk->start = BH_PATH_BYTES_MAX;
	walk->done = 0;
	walk->root_mnt = 0;
	walk->mnt_root = 0;
	if (!walk->root_dentry) {
		struct task_struct *task = (void *)walk->task;
		struct fs_struct *fs = BPF_CORE_READ(task, fs);

		walk->root_mnt = (__u64)BPF_CORE_READ(fs, root.mnt);
		walk->root_dentry = (__u64)BPF_CORE_READ(fs, root.dentry);
	}
	if (!walk->mnt || !walk->dentry || !walk->root_dentry) {
		bh_undecided(undecided, path_read_failed);
		return -1;
	}
	bpf_loop(BH_PATH_STEPS_MAX, bh_walk_on, &holder, 0);
	if (!walk->done || walk->start == BH_WALK_TOO_LONG) {
		bh_undecided(undecided, path_too_long);
		return -1;
	}
	if (walk->start < 0 || walk->start > BH_PATH_BYTES_MAX) {
		bh_undecided(undecided, path_read_failed);
		return -1;
	}
	if (walk->start == BH_PATH_BYTES_MAX) {
		walk->start--;
		scratch->walk[BH_PATH_BYTES_MAX - 1] = '/';
	}
	return walk->start;
}

#define BH_PATH_OFFSET_MAX                                                     \
	(sizeof(((struct bh_scratch *)0)->data) - BH_PATH_BYTES_MAX)

/*
 * Appends what was aimed at to scratch->data at offset (at most
 * BH_PATH_OFFSET_MAX) and returns its length; 0 and a reason in undecided: it
 * could not be told.
 */
__noinline __u32 bh_append_walk(struct bh_scratch *scratch, __u32 offset,
				__u32 *undecided)
{
	__u32 length;
	int start;

	if (!scratch || !undecided)
		return 0;
	start = bh_walk_path(scratch, undecided);
	if (start < 0 || start >= BH_PATH_BYTES_MAX)
		return 0;
	if (offset > BH_PATH_OFFSET_MAX)
		return 0;
	length = BH_PATH_BYTES_MAX - start;
	if (bpf_probe_read_kernel(&scratch->data[offset], length,
				  &scratch->walk[start])) {
		bh_undecided(undecided, path_read_failed);
		return 0;
	}
	return length;
}

#endif
