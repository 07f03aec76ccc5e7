/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the exec, fork and exit hooks do, whatever they are attached with.
 */
#ifndef BULKHEAD_PROCESS_H
#define BULKHEAD_PROCESS_H

#define BH_SIGKILL 9

/* signal_struct.flags: group_exit_code is set. */
#define BH_SIGNAL_GROUP_EXIT 4

static __always_inline struct task_struct *bh_current(void)
{
	return (void *)bpf_get_current_task();
}

/* It runs, or ran, an image of its container: not the runtime's set-up. */
static __always_inline bool bh_entered(struct task_struct *task,
				       const struct bh_process *process)
{
	const struct bh_config *config = bh_config();

	if (process)
		return process->flags & BH_PROCESS_ENTERED;
	return config &&
	       BPF_CORE_READ(task, group_leader, start_boottime) <
		       config->attached_boottime_ns &&
	       !bh_in_host_namespace(task);
}

static __always_inline __u32 bh_session(struct task_struct *task)
{
	return BPF_CORE_READ(task, signal, tty) ? BH_SESSION_WITH_TERMINAL
						: BH_SESSION_WITHOUT_TERMINAL;
}

static __always_inline bool bh_is_script(struct linux_binprm *bprm)
{
	char head[2] = {};

	bpf_core_read(&head, sizeof(head), &bprm->buf);
	return head[0] == '#' && head[1] == '!';
}

static __always_inline __u32 bh_verdict(const struct bh_judgement *judged)
{
	if (judged->active.actions & BH_ACTION_BLOCK) {
		bh_count(BH_COUNTER_verdict_would_block);
		return BH_VERDICT_WOULD_BLOCK;
	}
	return judged->undecided ? BH_VERDICT_UNDECIDED : BH_VERDICT_ALLOWED;
}

/*
 * Judges an exec; false: it is not ours to judge. A runtime runs itself again
 * (from a sealed memfd) on the host's side of a container's cgroup before it
 * enters the container: that, and only that, is exempt.
 */
static __noinline bool bh_judge_exec(struct task_struct *task,
				     struct file *file, struct bh_act *act)
{
	struct bh_process *process;

	if (!bh_find_place(task, &act->place))
		return false;
	process = bh_process(task);
	if (!bh_entered(task, process)) {
		if (bh_in_host_namespace(task)) {
			bh_count(BH_COUNTER_runtime_exec_exempt);
			return false;
		}
		bh_learn_root(task, &act->place);
	}
	act->kind = BH_EVENT_EXEC;
	act->judged.origin = bh_origin((__u64)file, act->place.root_device);
	act->judged.session = bh_session(task);
	bh_judge(&act->place, BH_OPERATION_EXEC, &act->judged);
	return true;
}

static __noinline __u32 bh_append_args(struct bh_scratch *scratch_,
				       struct task_struct *task, __u32 offset)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);
	unsigned long start = BPF_CORE_READ(mm, arg_start);
	unsigned long end = BPF_CORE_READ(mm, arg_end);
	__u64 length = end - start;

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

static __always_inline void bh_append_parent(struct bh_scratch *scratch_,
					     struct task_struct *task)
{
	struct bh_event *event = &scratch_->event;
	struct task_struct *parent = BPF_CORE_READ(task, real_parent);
	struct file *file = BPF_CORE_READ(parent, mm, exe_file);
	__u32 offset = event->path_length + event->args_length;
	/* Not part of the verdict: only counted. */
	__u32 undecided = 0;

	if (file)
		event->parent_path_length = bh_append_path(
			scratch_, parent, &file->f_path, offset, &undecided);
}

static __always_inline void bh_append_directory(struct bh_scratch *scratch_,
						struct task_struct *task)
{
	struct bh_event *event = &scratch_->event;
	struct fs_struct *fs = BPF_CORE_READ(task, fs);
	__u32 offset = event->path_length + event->args_length +
		       event->parent_path_length;
	/* Not part of the verdict: only counted. */
	__u32 undecided = 0;

	if (fs)
		event->directory_length = bh_append_path(
			scratch_, task, &fs->pwd, offset, &undecided);
}

/* Emits an exec or a fork of file by task; 0: it is in a ring. */
static __noinline int bh_emit(struct task_struct *task, struct file *file,
			      struct bh_act *act, enum bh_scratch_slot slot)
{
	struct bh_scratch *scratch_ = bh_take_scratch(slot);
	struct bh_event *event;
	int error;

	if (!scratch_) {
		bh_count(BH_COUNTER_scratch_busy);
		return -1;
	}
	event = &scratch_->event;
	bh_fill_process(event, (__u64)task);
	bh_fill_file(event, file);
	bh_fill_act(event, act);
	event->path_length = bh_append_path(scratch_, task, &file->f_path, 0,
					    &event->undecided);
	/* Before an exec has succeeded the arguments are not in its memory. */
	if (slot == BH_SCRATCH_TRACEPOINT)
		event->args_length =
			bh_append_args(scratch_, task, event->path_length);
	bh_append_parent(scratch_, task);
	bh_append_directory(scratch_, task);
	if (event->undecided && event->verdict == BH_VERDICT_ALLOWED)
		event->verdict = BH_VERDICT_UNDECIDED;
	error = bh_submit(scratch_);
	bh_release_scratch(scratch_);
	return error;
}

/* The body of lsm and fmod_ret: true: deny. */
static __always_inline bool bh_check_exec(struct linux_binprm *bprm)
{
	struct task_struct *task = bh_current();
	struct file *file = BPF_CORE_READ(bprm, file);
	struct bh_act act = {};

	if (!bh_judge_exec(task, file, &act))
		return false;
	if (act.judged.active.blocks) {
		act.verdict = BH_VERDICT_DENIED;
		bh_count(BH_COUNTER_verdict_denied);
		bh_emit(task, file, &act, BH_SCRATCH_TRAMPOLINE);
		return true;
	}
	/* The tracepoint will tell of the interpreter, not of the script. */
	if (act.judged.active.actions & BH_ACTION_ALERT && bh_is_script(bprm)) {
		act.verdict = bh_verdict(&act.judged);
		bh_emit(task, file, &act, BH_SCRATCH_TRAMPOLINE);
	}
	return false;
}

/* Remembers that the process runs an image of the container. */
static __always_inline void bh_enter(struct task_struct *task,
				     const struct bh_act *act, bool emitted)
{
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct bh_process process = {
		.start_boottime_ns =
			BPF_CORE_READ(task, group_leader, start_boottime),
		.cgroup = act->place.cgroup,
		.flags = BH_PROCESS_ENTERED,
		.origin = act->judged.origin,
	};

	if (emitted)
		process.flags |= BH_PROCESS_EMITTED;
	if (bpf_map_update_elem(&processes, &tgid, &process, BPF_ANY))
		bh_count(BH_COUNTER_processes_map_full);
}

static __always_inline __u32 bh_kill(struct bh_judgement *judged)
{
	if (bpf_send_signal(BH_SIGKILL)) {
		bh_undecided(&judged->undecided, signal_failed);
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
	struct file *file = BPF_CORE_READ(bprm, file);
	const struct bh_config *config = bh_config();
	struct bh_act act = {};
	bool emitted = false;

	if (!bh_judge_exec(task, file, &act))
		return;
	/* The script is closed by now: only its interpreter can be judged. */
	if (config && !config->exec_is_judged_early &&
	    act.judged.active.asks_origin &&
	    BPF_CORE_READ(bprm, interp) != BPF_CORE_READ(bprm, filename))
		bh_undecided(&act.judged.undecided, script_not_judged);
	if (act.judged.active.blocks)
		act.verdict = bh_kill(&act.judged);
	else
		act.verdict = bh_verdict(&act.judged);
	if (act.judged.active.fired)
		emitted = !bh_emit(task, file, &act, BH_SCRATCH_TRACEPOINT);
	bh_enter(task, &act, emitted);
}

static __always_inline void bh_inherit(struct task_struct *child,
				       const struct bh_process *process)
{
	__u32 tgid = BPF_CORE_READ(child, tgid);
	struct bh_process copy = {
		.start_boottime_ns = BPF_CORE_READ(child, start_boottime),
		.cgroup = process->cgroup,
		.flags = process->flags & BH_PROCESS_ENTERED,
		.origin = process->origin,
	};

	if (bpf_map_update_elem(&processes, &tgid, &copy, BPF_ANY))
		bh_count(BH_COUNTER_processes_map_full);
}

static __always_inline void bh_forked(struct task_struct *parent,
				      struct task_struct *child)
{
	struct bh_process *process = bh_process(parent);
	struct bh_act act = {};
	struct file *file;

	if (process)
		bh_inherit(child, process);
	if (!bh_find_place(child, &act.place) || !bh_entered(parent, process))
		return;
	file = BPF_CORE_READ(child, mm, exe_file);
	if (!file)
		return;
	act.kind = BH_EVENT_FORK;
	if (process)
		act.judged.origin = process->origin;
	else
		act.judged.origin =
			bh_origin((__u64)file, act.place.root_device);
	act.judged.session = bh_session(child);
	bh_judge(&act.place, BH_OPERATION_FORK, &act.judged);
	if (!act.judged.active.fired)
		return;
	act.verdict = bh_verdict(&act.judged);
	bh_emit(child, file, &act, BH_SCRATCH_TRACEPOINT);
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
	struct bh_act act = {.kind = BH_EVENT_EXIT,
			     .verdict = BH_VERDICT_ALLOWED};
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct bh_scratch *scratch_;
	struct bh_event *event;
	bool emitted;

	if (!process)
		return;
	emitted = process->flags & BH_PROCESS_EMITTED;
	act.judged.origin = process->origin;
	bh_find_place(task, &act.place);
	/* Of two last threads at once, one finds the entry. */
	if (bpf_map_delete_elem(&processes, &tgid) || !emitted)
		return;
	scratch_ = bh_take_scratch(BH_SCRATCH_TRACEPOINT);
	if (!scratch_)
		return;
	event = &scratch_->event;
	bh_fill_process(event, (__u64)task);
	bh_fill_act(event, &act);
	event->set = 0;
	event->exit_status = bh_exit_status(task);
	event->run_time_ns = event->time_boottime_ns - event->start_boottime_ns;
	bh_submit(scratch_);
}

#endif
