/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scripts, where no hook judges an exec early. When the tracepoints fire, the
 * kernel has put down the script and kept its interpreter. It is not gone yet:
 * what a task puts down is closed on its way back to user space, so the script
 * waits among the task's works, newest first, and so does each script that was
 * another one's interpreter.
 */
#ifndef BULKHEAD_SCRIPT_H
#define BULKHEAD_SCRIPT_H

/* A task may close as many files of its own by the same exec. */
#define BH_WORKS_MAX (1 << 20)

struct bh_search {
	/* struct callback_head */
	__u64 next;
	/* The last one that was opened to be run; 0: none yet. */
	__u64 oldest;
	__u32 context;
};

static __always_inline __u64 bh_file_of_work(__u64 work)
{
	struct file *file = NULL;
	struct file___rcuhead *older = NULL;
	struct file___union *oldest = NULL;

	if (bpf_core_field_exists(file->f_task_work))
		return work - bpf_core_field_offset(file->f_task_work);
	if (bpf_core_field_exists(older->f_rcuhead))
		return work - bpf_core_field_offset(older->f_rcuhead);
	return work - bpf_core_field_offset(oldest->f_u.fu_rcuhead);
}

/* Only the kernel opens a file to run it. Other works are not within a file:
 * what they lie in has no name of the same inode. */
static __always_inline bool bh_was_to_run(struct file *file)
{
	struct inode *inode, *named;
	struct dentry *dentry;
	unsigned int flags;

	return !bpf_core_read(&flags, sizeof(flags), &file->f_flags) &&
	       flags & FMODE_EXEC &&
	       !bpf_core_read(&inode, sizeof(inode), &file->f_inode) && inode &&
	       !bpf_core_read(&dentry, sizeof(dentry), &file->f_path.dentry) &&
	       !bpf_core_read(&named, sizeof(named), &dentry->d_inode) &&
	       named == inode;
}

/* As a hook that denies early tells of a script: only where it matters, for
 * there is the event of its interpreter. */
__noinline int bh_judge_script(__u64 file, __u32 context)
{
	struct bh_act act = {
		.task = (__u64)bh_current(),
		.file = file,
		.context = context,
	};

	if (!bh_judge_exec(&act))
		return 0;
	if (act.active.blocks)
		act.verdict = bh_kill(&act);
	else if (act.active.actions & BH_ACTION_ALERT)
		act.verdict = bh_verdict(&act);
	else
		return 0;
	return bh_emit(&act, act.file);
}

/* The event of an interpreter whose script could not be found. */
__noinline int bh_tell_undecided(__u64 file, __u32 context)
{
	struct bh_act act = {
		.task = (__u64)bh_current(),
		.file = file,
		.context = context,
		.verdict = BH_VERDICT_UNDECIDED,
	};

	if (!bh_judge_exec(&act))
		return 0;
	bh_undecided(&act.undecided, script_not_judged);
	return act.active.fired ? bh_emit(&act, act.file) : 0;
}

static long bh_judge_next(__u32 i, struct bh_search *search)
{
	__u64 work = search->next, file;

	if (!work)
		return 1;
	if (bpf_core_read(&search->next, sizeof(search->next),
			  &((struct callback_head *)work)->next))
		return 1;
	file = bh_file_of_work(work);
	if (!bh_was_to_run((void *)file))
		return 0;
	search->oldest = file;
	if (search->context == BH_CONTEXT_EARLY)
		bh_judge_script(file, BH_CONTEXT_EARLY);
	return 0;
}

/* binfmt_misc hands what it was asked to run to its interpreter, open. */
static __always_inline struct file *bh_handed_over(struct linux_binprm *bprm,
						   __u32 context)
{
	if (!BPF_CORE_READ_BITFIELD_PROBED(bprm, have_execfd))
		return NULL;
	if (context == BH_CONTEXT_EARLY)
		return BPF_CORE_READ(bprm, executable);
	return bh_file_of((__u32)BPF_CORE_READ(bprm, execfd));
}

/*
 * Early: nothing but scripts has been put down. Else there are also the image
 * before and its loader, and this one's: then only the oldest is surely a
 * script, the one that was asked for.
 */
static __always_inline void bh_judge_scripts(struct linux_binprm *bprm,
					     __u32 context)
{
	struct task_struct *task = bh_current();
	struct bh_search search = {
		.next = (__u64)BPF_CORE_READ(task, task_works),
		.context = context,
	};
	struct file *file;

	/* Of the hook's own, so plain loads. */
	if (bprm->interp == bprm->filename)
		return;
	bpf_loop(BH_WORKS_MAX, bh_judge_next, &search, 0);
	file = bh_handed_over(bprm, context);
	if (file)
		bh_judge_script((__u64)file, context);
	else if (!search.oldest || search.next)
		bh_tell_undecided((__u64)BPF_CORE_READ(bprm, file), context);
	else if (context != BH_CONTEXT_EARLY)
		bh_judge_script(search.oldest, context);
}

#endif
