/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the file hooks do, whatever they are attached with. Each names what is
 * done to which path as operations of the policy language; the rest is common.
 */
#ifndef BULKHEAD_FILE_H
#define BULKHEAD_FILE_H

/* linux/fs.h */
#define FMODE_WRITE (1u << 1)
#define FMODE_EXEC (1u << 5)
#define FMODE_PATH (1u << 14)
#define FMODE_CREATED (1u << 20)
/* Of the kernel's own: what a filesystem opens behind another file, and some
 * that have no path. */
#define FMODE_NOACCOUNT (1u << 29)
#define O_TRUNC 01000
#define __O_TMPFILE 020000000
#define S_PRIVATE (1u << 9)
#define SB_NOUSER (1ul << 31)
#define RENAME_EXCHANGE (1u << 1)
#define PROT_READ 1
#define PROT_EXEC 4
#define VM_EXEC 4
#define READ_IMPLIES_EXEC 0x0400000

/* Which name of a rename. */
#define BH_RENAME_FROM (1u << 0)
#define BH_RENAME_EXCHANGE (1u << 1)

/* A program that asks runs in the system call of its task, or in a worker of
 * io_uring, whose registers are those of its making. */
#if defined(__TARGET_ARCH_x86)
#define BH_NR_TRUNCATE 76
#define BH_NR_MKNOD 133
#define BH_NR_MKNODAT 259
#define bh_syscall_number(regs) BPF_CORE_READ(regs, orig_ax)
#else
#error "system call numbers of this architecture"
#endif

static __always_inline bool bh_is_syscall(unsigned long number)
{
	struct pt_regs *regs =
		(void *)bpf_task_pt_regs(bpf_get_current_task_btf());

	return bh_syscall_number(regs) == number;
}

static __always_inline bool bh_makes_node(void)
{
	return bh_is_syscall(BH_NR_MKNOD) || bh_is_syscall(BH_NR_MKNODAT);
}

#define BH_CREATES (BH_OPERATION_CREATE_FILE | BH_OPERATION_CREATE_EXECUTABLE)
#define BH_MODIFIES (BH_OPERATION_MODIFY_FILE | BH_OPERATION_MODIFY_EXECUTABLE)
#define BH_RENAMES                                                             \
	(BH_OPERATION_RENAME_FILE | BH_OPERATION_DELETE_FILE | BH_CREATES |    \
	 BH_MODIFIES)

/* Whether the task's acts are a container's, in which a policy asks for one of
 * the operations; the runtime's own on its way in are not. */
static __always_inline bool bh_begin_act(struct bh_act *act, __u32 operations)
{
	if (!bh_own_entered() || !bh_find_own_place(&act->place) ||
	    !bh_asks(&act->place, operations))
		return false;
	bh_find_root(&act->place);
	act->task = (__u64)bh_current();
	if (!act->context)
		act->context = BH_CONTEXT_TRAMPOLINE;
	return true;
}

static __always_inline struct inode *bh_inode(struct dentry *dentry)
{
	return BPF_CORE_READ(dentry, d_inode);
}

/* The executable bits of a regular file are an operation of their own. */
static __always_inline __u32 bh_created(umode_t mode)
{
	return BH_OPERATION_CREATE_FILE |
	       (bh_is_executable(mode) ? BH_OPERATION_CREATE_EXECUTABLE : 0);
}

static __always_inline __u32 bh_modified(umode_t mode)
{
	return BH_OPERATION_MODIFY_FILE |
	       (bh_is_executable(mode) ? BH_OPERATION_MODIFY_EXECUTABLE : 0);
}

/*
 * Whether a log-only event was told a moment ago; else the count of those left
 * out since goes into *suppressed.
 */
__noinline int bh_was_told(const struct bh_act *act, __u64 *suppressed)
{
	struct bh_recent_key key = {};
	__u64 now = bpf_ktime_get_boot_ns();
	struct dentry *dentry;
	struct bh_recent *recent_, told = {.told_boottime_ns = now};

	if (!act || !suppressed)
		return false;
	dentry = (void *)act->target_dentry;
	key.container = act->place.container;
	key.fired = act->active.fired;
	key.set = act->place.active_set;
	key.operations = act->operations;
	key.pid = bpf_get_current_pid_tgid() >> 32;
	key.directory_inode = BPF_CORE_READ(dentry, d_parent, d_inode, i_ino);
	key.device = BPF_CORE_READ(dentry, d_sb, s_dev);
	key.name_hash = BPF_CORE_READ(dentry, d_name.hash);
	recent_ = bpf_map_lookup_elem(&recent, &key);
	if (!recent_) {
		bpf_map_update_elem(&recent, &key, &told, BPF_ANY);
		return false;
	}
	if (now - recent_->told_boottime_ns < BH_RECENT_NS) {
		__sync_fetch_and_add(&recent_->suppressed, 1);
		bh_count(BH_COUNTER_file_event_suppressed);
		return true;
	}
	*suppressed = recent_->suppressed;
	recent_->suppressed = 0;
	recent_->told_boottime_ns = now;
	return false;
}

__noinline int bh_emit_file(const struct bh_act *act, __u64 suppressed)
{
	struct bh_process *process;
	struct bh_scratch *scratch_;
	struct task_struct *task;
	struct bh_event *event;
	struct dentry *dentry;
	struct inode *inode;

	if (!act)
		return -1;
	task = (void *)act->task;
	dentry = (void *)act->target_dentry;
	process = bh_own_process();
	scratch_ = bh_begin(act, BPF_CORE_READ(task, mm, exe_file));
	if (!scratch_)
		return -1;
	event = &scratch_->event;
	event->suppressed = suppressed;
	event->open_flags = act->open_flags;
	event->target_mode = act->target_mode;
	event->new_mode = act->new_mode;
	event->target_volume = act->volume;
	event->origin = process ? process->origin : BH_ORIGIN_UNDECIDED;
	inode = bh_inode(dentry);
	if (inode)
		event->target_inode = BPF_CORE_READ(inode, i_ino);
	event->target_origin = bh_origin_of((__u64)dentry, (__u64)inode,
					    act->place.root_device);
	bh_aim(scratch_, act->target_mnt, act->target_dentry,
	       act->place.root_dentry, act->task);
	event->target_path_length =
		bh_append_walk(scratch_, bh_tail(event), &event->undecided);
	if (act->other_dentry) {
		bh_aim(scratch_, act->other_mnt, act->other_dentry,
		       act->place.root_dentry, act->task);
		event->other_path_length = bh_append_walk(
			scratch_, bh_tail(event) + event->target_path_length,
			&event->undecided);
	}
	return bh_end(scratch_);
}

static __always_inline __u32 bh_stop(struct bh_act *act)
{
	if (act->context == BH_CONTEXT_SYSCALL)
		return bh_kill(act);
	bh_count(BH_COUNTER_verdict_denied);
	return BH_VERDICT_DENIED;
}

/*
 * Judges what is done to a path, and tells of it; true: deny. `is_told` false:
 * only a denial is told, another hook will tell of what was allowed.
 */
static __always_inline bool bh_act_on(struct bh_act *act, bool is_told)
{
	__u64 suppressed = 0;

	act->session = bh_session(bh_self());
	bh_judge(act, is_told);
	if (!act->active.fired)
		return false;
	if (act->active.blocks) {
		/* The hook that would have counted it is not asked any more. */
		if (!is_told && act->place.candidate_set)
			bh_compare(act);
		act->verdict = bh_stop(act);
		bh_emit_file(act, 0);
		return true;
	}
	if (!is_told)
		return false;
	act->verdict = bh_verdict(act);
	if (act->kind == BH_EVENT_LOAD ||
	    act->active.actions & (BH_ACTION_ALERT | BH_ACTION_BLOCK) ||
	    !bh_was_told(act, &suppressed))
		bh_emit_file(act, suppressed);
	return false;
}

/* An argument of a hook as the plain number that global functions take. */
static __always_inline __u64 bh_number(const void *pointer)
{
	__u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), &pointer);
	return number;
}

static __always_inline void bh_aim_at(struct bh_act *act, struct vfsmount *mnt,
				      struct dentry *dentry)
{
	act->kind = BH_EVENT_FILE;
	act->target_mnt = (__u64)mnt;
	act->target_dentry = bh_number(dentry);
	act->volume = bh_volume(mnt, act->place.root_device);
}

/*
 * Whether a file was reached through a mount that is in no namespace: what
 * overlayfs reads and writes below it, and copies up from. The mount of memory
 * files is such a one too, but there nothing lies behind another file.
 */
static __always_inline bool bh_is_below(struct vfsmount *mnt)
{
	struct mount *mount =
		(void *)mnt - bpf_core_field_offset(struct mount, mnt);
	__s64 namespace = (__s64)BPF_CORE_READ(mount, mnt_ns);

	/* MNT_NS_INTERNAL is an error's number. */
	return namespace < 0 && namespace >= -4095 &&
	       !(BPF_CORE_READ(mnt, mnt_sb, s_flags) & SB_NOUSER);
}

static __always_inline __u32 bh_may_be_opened_as(__u32 mode, __u32 flags)
{
	if (mode & FMODE_CREATED)
		return BH_CREATES;
	if (mode & FMODE_WRITE || flags & O_TRUNC)
		return BH_MODIFIES;
	return BH_OPERATION_OPEN_FILE;
}

static __always_inline bool bh_open(struct file *file, __u32 flags,
				    enum bh_context context)
{
	__u32 mode = BPF_CORE_READ(file, f_mode);
	__u32 operations = bh_may_be_opened_as(mode, flags);
	struct bh_act act = {.context = context};
	struct path path = {};

	/* Only a place; what a filesystem opens behind another file (before 6.8
	 * with the path of the other); to run a program; without a name yet. */
	if (mode & (FMODE_PATH | FMODE_NOACCOUNT) || flags & FMODE_EXEC ||
	    flags & __O_TMPFILE || !bh_begin_act(&act, operations) ||
	    bpf_core_read(&path, sizeof(path), &file->f_path) ||
	    bh_is_below(path.mnt))
		return false;
	bh_aim_at(&act, path.mnt, path.dentry);
	act.open_flags = flags;
	act.target_mode = BPF_CORE_READ(file, f_inode, i_mode);
	if (!bh_is_executable(act.target_mode))
		operations &= ~(BH_OPERATION_CREATE_EXECUTABLE |
				BH_OPERATION_MODIFY_EXECUTABLE);
	act.operations = operations;
	return bh_act_on(&act, true);
}

/* Also asked before open() creates: then bh_open() tells of it. */
static __always_inline bool bh_make(struct path *directory,
				    struct dentry *dentry, umode_t mode,
				    bool is_told)
{
	struct bh_act act = {};

	if (!bh_begin_act(&act, BH_CREATES))
		return false;
	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	bh_aim_at(&act, BPF_CORE_READ(directory, mnt), dentry);
	act.target_mode = mode;
	act.operations = bh_created(mode);
	return bh_act_on(&act, is_told);
}

static __always_inline bool bh_link(struct dentry *old, struct path *directory,
				    struct dentry *dentry)
{
	struct bh_act act = {};

	if (!bh_begin_act(&act, BH_CREATES))
		return false;
	bh_aim_at(&act, BPF_CORE_READ(directory, mnt), dentry);
	/* O_TMPFILE: it had no name. */
	if (BPF_CORE_READ(old, d_inode, i_nlink)) {
		act.other_mnt = act.target_mnt;
		act.other_dentry = bh_number(old);
	}
	act.target_mode = BPF_CORE_READ(old, d_inode, i_mode);
	act.operations = bh_created(act.target_mode);
	return bh_act_on(&act, true);
}

static __always_inline bool bh_delete(struct path *directory,
				      struct dentry *dentry)
{
	struct bh_act act = {};

	if (!bh_begin_act(&act, BH_OPERATION_DELETE_FILE))
		return false;
	bh_aim_at(&act, BPF_CORE_READ(directory, mnt), dentry);
	act.target_mode = BPF_CORE_READ(dentry, d_inode, i_mode);
	act.operations = BH_OPERATION_DELETE_FILE;
	return bh_act_on(&act, true);
}

/* One name of a rename: what it loses (not in an exchange) or gets. */
__noinline int bh_rename_one(__u64 mnt_address, __u64 name_address,
			     __u64 other_mnt, __u64 other_address, __u32 which)
{
	struct dentry *name = (void *)name_address;
	struct dentry *other = (void *)other_address;
	umode_t mode = BPF_CORE_READ(other, d_inode, i_mode), replaced;
	struct bh_act act = {};

	if (!bh_begin_act(&act, BH_RENAMES))
		return false;
	bh_aim_at(&act, (void *)mnt_address, name);
	act.other_mnt = other_mnt;
	act.other_dentry = other_address;
	if (which & BH_RENAME_FROM && !(which & BH_RENAME_EXCHANGE)) {
		act.target_mode = BPF_CORE_READ(name, d_inode, i_mode);
		act.operations =
			BH_OPERATION_DELETE_FILE | BH_OPERATION_RENAME_FILE;
		return bh_act_on(&act, true);
	}
	act.target_mode = mode;
	if (which & BH_RENAME_EXCHANGE)
		act.operations = BH_OPERATION_RENAME_FILE;
	if (!bh_inode(name)) {
		if (!bh_is_directory(mode))
			act.operations |= bh_created(mode);
	} else if (!bh_is_directory(mode)) {
		replaced = BPF_CORE_READ(name, d_inode, i_mode);
		act.operations |= bh_modified(replaced);
		if (!bh_is_executable(replaced) && bh_is_executable(mode))
			act.operations |= BH_OPERATION_CREATE_EXECUTABLE;
	}
	return act.operations && bh_act_on(&act, true);
}

static __always_inline bool bh_rename(struct path *old_directory,
				      struct dentry *old,
				      struct path *new_directory,
				      struct dentry *new, __u32 flags)
{
	__u64 old_mnt = (__u64)BPF_CORE_READ(old_directory, mnt);
	__u64 new_mnt = (__u64)BPF_CORE_READ(new_directory, mnt);
	__u64 old_name = bh_number(old), new_name = bh_number(new);
	__u32 exchange = flags & RENAME_EXCHANGE ? BH_RENAME_EXCHANGE : 0;

	if (bh_rename_one(old_mnt, old_name, new_mnt, new_name,
			  BH_RENAME_FROM | exchange))
		return true;
	return bh_rename_one(new_mnt, new_name, old_mnt, old_name, exchange);
}

static __always_inline bool bh_truncate(struct path *path)
{
	struct bh_act act = {};

	if (!bh_begin_act(&act, BH_MODIFIES))
		return false;
	bh_aim_at(&act, BPF_CORE_READ(path, mnt), BPF_CORE_READ(path, dentry));
	act.target_mode = BPF_CORE_READ(path, dentry, d_inode, i_mode);
	act.operations = bh_modified(act.target_mode);
	return bh_act_on(&act, true);
}

/* Its first execute bit makes a file an executable. */
static __always_inline bool bh_chmod(struct path *path, umode_t mode)
{
	umode_t before = BPF_CORE_READ(path, dentry, d_inode, i_mode);
	struct bh_act act = {};

	if (!bh_is_executable((before & S_IFMT) | mode) ||
	    bh_is_executable(before) ||
	    !bh_begin_act(&act, BH_OPERATION_CREATE_EXECUTABLE))
		return false;
	bh_aim_at(&act, BPF_CORE_READ(path, mnt), BPF_CORE_READ(path, dentry));
	act.target_mode = before;
	act.new_mode = mode;
	act.operations = BH_OPERATION_CREATE_EXECUTABLE;
	return bh_act_on(&act, true);
}

/* As the kernel adds it to what the task asks for. */
static __always_inline bool bh_maps_exec(unsigned long prot)
{
	return prot & PROT_EXEC ||
	       (prot & PROT_READ &&
		BPF_CORE_READ(bh_current(), personality) & READ_IMPLIES_EXEC);
}

/* The path that a mapped file was opened by: overlayfs maps the one behind. */
static __always_inline struct path *bh_named(struct file *file)
{
	struct backing_file *backing = (void *)file;

	if (bpf_core_field_exists(backing->user_path) &&
	    BPF_CORE_READ(file, f_mode) & FMODE_NOACCOUNT &&
	    bh_is_below(BPF_CORE_READ(file, f_path.mnt)))
		return (void *)backing +
		       bpf_core_field_offset(struct backing_file, user_path);
	return (void *)file + bpf_core_field_offset(struct file, f_path);
}

/* A file is mapped executable, or its mapping gets to be. */
__noinline int bh_load(__u64 file_address, __u32 context)
{
	struct file *file = (void *)file_address;
	struct task_struct *task = bh_current();
	struct path *path = bh_named(file);
	struct dentry *dentry = BPF_CORE_READ(path, dentry);
	struct inode *inode = bh_inode(dentry);
	struct bh_act act = {.context = context};

	/* Shared memory without a name: no file of anybody's. */
	if (BPF_CORE_READ(inode, i_flags) & S_PRIVATE ||
	    !bh_begin_act(&act, BH_OPERATION_LOAD))
		return false;
	/* exec has judged what runs. */
	if (BPF_CORE_READ(task, mm, exe_file, f_inode) == inode)
		return false;
	bh_aim_at(&act, BPF_CORE_READ(path, mnt), dentry);
	act.kind = BH_EVENT_LOAD;
	act.operations = BH_OPERATION_LOAD;
	act.target_mode = BPF_CORE_READ(inode, i_mode);
	act.origin = bh_origin_of((__u64)dentry, (__u64)inode,
				  act.place.root_device);
	return bh_act_on(&act, true);
}

static __always_inline bool bh_gains_exec(struct vm_area_struct *vma)
{
	struct file *file = BPF_CORE_READ(vma, vm_file);

	return file && !(BPF_CORE_READ(vma, vm_flags) & VM_EXEC) &&
	       bh_load((__u64)file, BH_CONTEXT_TRAMPOLINE);
}

#endif
