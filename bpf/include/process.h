/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the exec, fork and exit hooks do, whatever they are attached with.
 */
#ifndef BULKHEAD_PROCESS_H
#define BULKHEAD_PROCESS_H

#define BH_SIGKILL 9

/* signal_struct.flags: group_exit_code is set. */
#define BH_SIGNAL_GROUP_EXIT 4

/* The task that runs now runs, or ran, an image of its container: it is not the
 * runtime's set-up. */
static __always_inline bool bh_own_entered(void)
{
	const struct bh_process *process = bh_own_process();
	const struct bh_config *config;

	if (process)
		return process->flags & BH_PROCESS_ENTERED;
	config = bh_config();
	return config &&
	       bh_self()->group_leader->start_boottime <
		       config->attached_boottime_ns &&
	       !bh_in_host_namespace(bh_current());
}

/* Of a task as a hook or bh_self() has it: its members are read as they are. */
static __always_inline __u32 bh_session(struct task_struct *task)
{
	return task->signal->tty ? BH_SESSION_WITH_TERMINAL
				 : BH_SESSION_WITHOUT_TERMINAL;
}

static __always_inline bool bh_is_script(struct linux_binprm *bprm)
{
	char head[2] = {};

	bpf_core_read(&head, sizeof(head), &bprm->buf);
	return head[0] == '#' && head[1] == '!';
}

static __always_inline __u32 bh_verdict(const struct bh_act *act)
{
	if (act->active.actions & BH_ACTION_BLOCK) {
		bh_count(BH_COUNTER_verdict_would_block);
		return BH_VERDICT_WOULD_BLOCK;
	}
	return act->undecided ? BH_VERDICT_UNDECIDED : BH_VERDICT_ALLOWED;
}

/*
 * Judges an exec; false: it is not ours to judge. A runtime runs itself again
 * (from a sealed memfd) on the host's side of a container's cgroup before it
 * enters the container: that, and only that, is exempt.
 */
static __always_inline bool bh_judge_exec(struct bh_act *act)
{
	struct task_struct *task = (void *)act->task;
	const struct bh_config *config = bh_config();

	if (!bh_find_own_place(&act->place))
		return false;
	bh_find_root(&act->place);
	if (!bh_own_entered()) {
		if (bh_in_host_namespace(task)) {
			bh_count(BH_COUNTER_runtime_exec_exempt);
			return false;
		}
		bh_learn_root(task, &act->place);
	}
	act->kind = BH_EVENT_EXEC;
	act->operations = BH_OPERATION_EXEC;
	act->origin =
		bh_origin((struct file *)act->file, act->place.root_device);
	act->session = bh_session(bh_self());
	bh_judge(act, act->context == BH_CONTEXT_TRAMPOLINE ||
			      (config && !config->exec_is_judged_early));
	return true;
}

__noinline __u32 bh_append_args(struct bh_scratch *scratch_, __u64 task_address,
				__u32 offset)
{
	struct task_struct *task = (void *)task_address;
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	unsigned long end = BPF_CORE_READ(mm, arg_end);
	__u64 length = end - start;

	if (!scratch_)
		return 0;
	if (length > BH_ARGS_BYTES_MAX) {
		length = BH_ARGS_BYTES_MAX;
		scratch_->event.flags |= BH_EVENT_ARGS_TRUNCATED;
	}
	if (!length || offset > BH_PATH_BYTES_MAX)
		return 0;
	if (bpf_probe_read_user(&scratch_->data[offset], length,
				(void *)start)) {
		bh_count(BH_COUNTER_args_read_failed);
		return 0;
	}
	return length;
}

static __always_inline __u32 bh_tail(const struct bh_event *event)
{
	return event->path_length + event->args_length +
	       event->parent_path_length + event->directory_length;
}

__noinline __u32 bh_append_file(struct bh_scratch *scratch_,
				const struct bh_act *act, __u64 path_address,
				__u32 *undecided)
{
	struct path *path = (void *)path_address;

	if (!scratch_ || !act || !undecided)
		return 0;
	bh_aim(scratch_, (__u64)BPF_CORE_READ(path, mnt),
	       (__u64)BPF_CORE_READ(path, dentry), act->place.root_dentry,
	       act->task);
	return bh_append_walk(scratch_, bh_tail(&scratch_->event), undecided);
}

/* Appends the path that stands first once more. */
static __always_inline __u32 bh_append_again(struct bh_scratch *scratch_)
{
	__u32 length = scratch_->event.path_length;
	__u32 offset = bh_tail(&scratch_->event);

	if (!length || length > BH_PATH_BYTES_MAX ||
	    offset > BH_PATH_OFFSET_MAX)
		return 0;
	if (bpf_probe_read_kernel(&scratch_->data[offset], length,
				  &scratch_->data[0]))
		return 0;
	return length;
}

/* `file`: what the process runs, whose path stands there already. */
static __always_inline void bh_append_parent(struct bh_scratch *scratch_,
					     const struct bh_act *act,
					     __u64 file_address)
{
	struct task_struct *task = (void *)act->task;
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	struct file *file = BPF_CORE_READ(parent, mm, exe_file);
	/* Not part of the verdict: only counted. */
	__u32 undecided = 0;

	if (!file)
		return;
	/* After a fork they run the same: a walk less. */
	if ((__u64)file == file_address)
		scratch_->event.parent_path_length = bh_append_again(scratch_);
	else
		scratch_->event.parent_path_length = bh_append_file(
			scratch_, act, (__u64)&file->f_path, &undecided);
}

static __always_inline void bh_append_directory(struct bh_scratch *scratch_,
						const struct bh_act *act)
{
	struct task_struct *task = (void *)act->task;
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	/* Not part of the verdict: only counted. */
	__u32 undecided = 0;

	if (fs)
		scratch_->event.directory_length = bh_append_file(
			scratch_, act, (__u64)&fs->pwd, &undecided);
}

/* What every record tells of the process; NULL: no room to make it. */
static __always_inline struct bh_scratch *bh_begin(const struct bh_act *act,
						   struct file *file)
{
	struct bh_scratch *scratch_ = bh_take_scratch(act->context);
	struct bh_event *event;

	if (!scratch_)
		return NULL;
	event = &scratch_->event;
	__builtin_memset(event, 0, sizeof(*event));
	bh_fill_process(event, act->task);
	bh_fill_act(event, act);
	if (file) {
		bh_fill_file(event, file);
		event->path_length = bh_append_file(
			scratch_, act, (__u64)&file->f_path, &event->undecided);
	}
	return scratch_;
}

static __always_inline int bh_end(struct bh_scratch *scratch_)
{
	struct bh_event *event = &scratch_->event;
	int error;

	if (event->undecided && event->verdict == BH_VERDICT_ALLOWED)
		event->verdict = BH_VERDICT_UNDECIDED;
	error = bh_submit(scratch_);
	bh_release_scratch(scratch_);
	return error;
}

/* Emits an exec or a fork of file; 0: it is in a ring. */
__noinline int bh_emit(const struct bh_act *act, __u64 file_address)
{
	struct bh_scratch *scratch_;

	if (!act)
		return -1;
	scratch_ = bh_begin(act, (struct file *)file_address);
	if (!scratch_)
		return -1;
	/* Before an exec has succeeded the arguments are not in its memory. */
	if (act->context == BH_CONTEXT_TRACEPOINT)
		scratch_->event.args_length = bh_append_args(
			scratch_, act->task, scratch_->event.path_length);
	bh_append_parent(scratch_, act, file_address);
	bh_append_directory(scratch_, act);
	return bh_end(scratch_);
}

/* The body of lsm and fmod_ret: true: deny. */
static __always_inline bool bh_check_exec(struct linux_binprm *bprm)
{
	struct bh_act act = {
		.task = (__u64)bh_current(),
		.file = (__u64)BPF_CORE_READ(bprm, file),
		.context = BH_CONTEXT_TRAMPOLINE,
	};

	if (!bh_judge_exec(&act))
		return false;
	if (act.active.blocks) {
		act.verdict = BH_VERDICT_DENIED;
		bh_count(BH_COUNTER_verdict_denied);
		bh_emit(&act, act.file);
		return true;
	}
	/* The tracepoint will tell of the interpreter, not of the script. */
	if (act.active.actions & BH_ACTION_ALERT && bh_is_script(bprm)) {
		act.verdict = bh_verdict(&act);
		bh_emit(&act, act.file);
	}
	return false;
}

/* Remembers that the process runs an image of the container. */
static __noinline int bh_enter(const struct bh_act *act, bool emitted)
{
	struct task_struct *task = (void *)act->task;
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct bh_process process = {
		.start_boottime_ns =
			BPF_CORE_READ(task, group_leader, start_boottime),
		.cgroup = act->place.cgroup,
		.flags = BH_PROCESS_ENTERED,
		.origin = act->origin,
		.session_leader =
			bh_session_leader(BPF_CORE_READ(task, signal)),
		.terminal = bh_terminal(BPF_CORE_READ(task, signal)),
		.executable =
			{
				{.lists = act->lists[0]},
				{.lists = act->lists[1]},
			},
	};

	if (emitted)
		process.flags |= BH_PROCESS_EMITTED;
	if (act->listed & 1)
		process.executable[0].set = act->place.active_set;
	if (act->listed & 2)
		process.executable[1].set = act->place.candidate_set;
	if (bpf_map_update_elem(&processes, &tgid, &process, BPF_ANY))
		bh_count(BH_COUNTER_processes_map_full);
	return 0;
}

static __always_inline __u32 bh_kill(struct bh_act *act)
{
	if (bpf_send_signal(BH_SIGKILL)) {
		bh_undecided(&act->undecided, signal_failed);
		return BH_VERDICT_UNDECIDED;
	}
	bh_count(BH_COUNTER_verdict_killed);
	return BH_VERDICT_KILLED;
}

/*
 * The image is in place and has not run an instruction. A forbidden image
 * that an lsm or fmod_ret program let through (the kernel skips a program
 * that would run within itself, the layer changed since) dies here as well.
 */
static __always_inline void bh_executed(struct task_struct *task,
					struct linux_binprm *bprm)
{
	struct bh_act act = {
		.task = (__u64)task,
		.file = (__u64)BPF_CORE_READ(bprm, file),
		.context = BH_CONTEXT_TRACEPOINT,
	};
	const struct bh_config *config = bh_config();
	bool emitted = false;

	/* Its script was killed for: the interpreter runs nothing, and under
	 * load the kernel gives up before it is in place. */
	if (config && !config->exec_is_judged_early &&
	    bh_self()->signal->flags & BH_SIGNAL_GROUP_EXIT)
		return;
	if (!bh_judge_exec(&act))
		return;
	if (act.active.blocks)
		act.verdict = bh_kill(&act);
	else
		act.verdict = bh_verdict(&act);
	if (act.active.fired)
		emitted = !bh_emit(&act, act.file);
	bh_enter(&act, emitted);
}

static __noinline int bh_inherit(struct task_struct *child,
				 const struct bh_process *process)
{
	__u32 tgid = BPF_CORE_READ(child, tgid);
	struct bh_process copy = {
		.start_boottime_ns = BPF_CORE_READ(child, start_boottime),
		.cgroup = process->cgroup,
		.flags = process->flags & BH_PROCESS_ENTERED,
		.origin = process->origin,
		.session_leader = process->session_leader,
		.terminal = process->terminal,
		.executable = {process->executable[0], process->executable[1]},
	};

	if (bpf_map_update_elem(&processes, &tgid, &copy, BPF_ANY))
		bh_count(BH_COUNTER_processes_map_full);
	return 0;
}

/* The parent is what runs now. `loads`: the child as the hook has it, whose
 * members are read as they are. */
static __always_inline void bh_forked(struct task_struct *loads,
				      struct task_struct *child)
{
	struct bh_process *process = bh_own_process();
	struct bh_act act = {
		.task = (__u64)child,
		.kind = BH_EVENT_FORK,
		.operations = BH_OPERATION_FORK,
		.context = BH_CONTEXT_TRACEPOINT,
	};
	struct file *file;

	if (process)
		bh_inherit(child, process);
	if (!bh_own_entered())
		return;
	/* clone3() can put it elsewhere. */
	if (loads->cgroups == bh_self()->cgroups) {
		if (!bh_find_own_place(&act.place))
			return;
	} else if (!bh_find_place(act.task, &act.place)) {
		return;
	}
	bh_find_root(&act.place);
	file = BPF_CORE_READ(child, mm, exe_file);
	if (!file)
		return;
	if (process) {
		act.origin = process->origin;
	} else {
		/* Of one that is older than the programs: the child is not, and
		 * only its entry tells that it belongs to the container. */
		act.origin = bh_origin(file, act.place.root_device);
		bh_enter(&act, false);
	}
	act.session = bh_session(loads);
	bh_judge(&act, true);
	if (!act.active.fired)
		return;
	act.verdict = bh_verdict(&act);
	bh_emit(&act, (__u64)file);
}

static __always_inline __u32 bh_exit_status(struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);

	if (BPF_CORE_READ(signal, flags) & BH_SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(signal, group_exit_code);
	return BPF_CORE_READ(task, group_leader, exit_code);
}

static __always_inline void bh_exited(struct task_struct *task)
{
	struct bh_process *process = bh_process(task);
	struct bh_act act = {
		.task = (__u64)task,
		.kind = BH_EVENT_EXIT,
		.verdict = BH_VERDICT_ALLOWED,
		.context = BH_CONTEXT_TRACEPOINT,
	};
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct bh_scratch *scratch_;
	struct bh_event *event;
	bool emitted;

	if (!process)
		return;
	emitted = process->flags & BH_PROCESS_EMITTED;
	act.origin = process->origin;
	bh_find_place(act.task, &act.place);
	/* Of two last threads at once, one finds the entry. */
	if (bpf_map_delete_elem(&processes, &tgid) || !emitted)
		return;
	scratch_ = bh_begin(&act, NULL);
	if (!scratch_)
		return;
	event = &scratch_->event;
	event->set = 0;
	event->exit_status = bh_exit_status(task);
	event->run_time_ns = event->time_boottime_ns - event->start_boottime_ns;
	bh_end(scratch_);
}

#endif
