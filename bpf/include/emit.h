/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_EMIT_H
#define BULKHEAD_EMIT_H

/* The reader looks at telemetry several times a second by itself; wake it
 * when much has gathered. Alerts always wake it. */
#define BH_TELEMETRY_WAKEUP_BYTES (BH_TELEMETRY_RING_BYTES / 4)

/* linux/kdev_t.h */
#define BH_MINOR_BITS 20

static __always_inline __u32 bh_session_leader(struct signal_struct *signal)
{
	struct pid *pid = NULL;

	bpf_core_read(&pid, sizeof(pid), &signal->pids[PIDTYPE_SID]);
	return BPF_CORE_READ(pid, numbers[0].nr);
}

/* As the kernel's MKDEV() makes it; 0: none. */
static __always_inline __u32 bh_terminal(struct signal_struct *signal)
{
	struct tty_struct *tty = BPF_CORE_READ(signal, tty);
	__u32 minor;

	if (!tty)
		return 0;
	minor = BPF_CORE_READ(tty, driver, minor_start) +
		BPF_CORE_READ(tty, index);
	return BPF_CORE_READ(tty, driver, major) << BH_MINOR_BITS | minor;
}

static __always_inline void bh_fill_terminal(struct bh_event *event,
					     struct signal_struct *signal)
{
	__u32 terminal = bh_terminal(signal);

	if (!terminal)
		return;
	event->flags |= BH_EVENT_INTERACTIVE;
	event->terminal_major = terminal >> BH_MINOR_BITS;
	event->terminal_minor = terminal & ((1u << BH_MINOR_BITS) - 1);
}

static __always_inline __u32 bh_number_in(struct pid *pid, __u32 level)
{
	struct upid *number = (void *)pid +
			      bpf_core_field_offset(struct pid, numbers) +
			      level * bpf_core_type_size(struct upid);

	return BPF_CORE_READ(number, nr);
}

/*
 * What of a process stands in its task: read as READ does. Of another task each
 * read is a call, of the one that runs now a plain load (0.6 us a record).
 */
#define BH_DEFINE_FILL(name, READ)                                             \
	static __always_inline void name(struct bh_event *event,               \
					 struct task_struct *task)             \
	{                                                                      \
		event->pid = READ(task, tgid);                                 \
		event->parent_pid = READ(task, real_parent, tgid);             \
		event->start_boottime_ns =                                     \
			READ(task, group_leader, start_boottime);              \
		event->parent_start_boottime_ns =                              \
			READ(task, real_parent, group_leader, start_boottime); \
		event->user_id = READ(task, cred, euid.val);                   \
		event->group_id = READ(task, cred, egid.val);                  \
		event->real_user_id = READ(task, cred, uid.val);               \
		event->real_group_id = READ(task, cred, gid.val);              \
		event->namespace_pid =                                         \
			READ(task, group_leader, thread_pid, level);           \
	}

BH_DEFINE_FILL(bh_fill_other, BPF_CORE_READ)
BH_DEFINE_FILL(bh_fill_self, ___arrow)

__noinline int bh_fill_process(struct bh_event *event, __u64 task_address)
{
	struct task_struct *task = (void *)task_address;
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	const struct cred *cred = BPF_CORE_READ(task, cred);

	if (!event)
		return 0;
	if (task_address == bpf_get_current_task())
		bh_fill_self(event, bh_self());
	else
		bh_fill_other(event, task);
	event->time_boottime_ns = bpf_ktime_get_boot_ns();
	event->session_leader_pid = bh_session_leader(signal);
	/* So far it is the level. */
	event->namespace_pid = bh_number_in(BPF_CORE_READ(leader, thread_pid),
					    event->namespace_pid);
	/* As bytes: before 6.3 they are not one number. */
	bpf_core_read(&event->effective_capabilities, sizeof(__u64),
		      &cred->cap_effective);
	bpf_core_read(&event->permitted_capabilities, sizeof(__u64),
		      &cred->cap_permitted);
	bh_fill_terminal(event, signal);
	BPF_CORE_READ_STR_INTO(&event->name, task, comm);
	return 0;
}

static __always_inline void bh_fill_file(struct bh_event *event,
					 struct file *file)
{
	event->inode = BPF_CORE_READ(file, f_inode, i_ino);
	event->mode = BPF_CORE_READ(file, f_inode, i_mode);
	if (!BPF_CORE_READ(file, f_inode, i_nlink))
		event->flags |= BH_EVENT_UNLINKED;
}

static __always_inline void bh_fill_act(struct bh_event *event,
					const struct bh_act *act)
{
	const struct bh_place *place = &act->place;

	event->kind = act->kind;
	event->verdict = act->verdict;
	event->operations = act->operations;
	event->cgroup = place->cgroup;
	event->container = place->container;
	event->set = place->active_set;
	event->fired = act->active.fired;
	event->actions = act->active.actions;
	event->origin = act->origin;
	event->undecided = act->undecided;
	event->session_change = act->session_change;
}

/* Numbers the record and puts it in its ring; 0 or an error. */
__noinline int bh_submit(struct bh_scratch *scratch_)
{
	struct bh_event *event;
	__u64 *sequence;
	__u32 key = 0;
	__u32 size;
	__u64 flags;
	long error;

	if (!scratch_)
		return -1;
	event = &scratch_->event;
	sequence = bpf_map_lookup_elem(&sequences, &key);
	if (sequence)
		event->cpu_sequence = __sync_fetch_and_add(sequence, 1) + 1;
	event->cpu = bpf_get_smp_processor_id();
	size = event->path_length;
	size += event->args_length;
	size += event->parent_path_length;
	size += event->directory_length;
	size += event->target_path_length;
	size += event->other_path_length;
	if (size > sizeof(scratch_->data))
		size = sizeof(scratch_->data);
	size += sizeof(*event);
	if (event->actions & BH_ACTION_ALERT ||
	    event->verdict == BH_VERDICT_DENIED ||
	    event->verdict == BH_VERDICT_KILLED) {
		error = bpf_ringbuf_output(&alerts, event, size,
					   BPF_RB_FORCE_WAKEUP);
		if (error)
			bh_count(BH_COUNTER_alert_ring_full);
		return error;
	}
	flags = BPF_RB_NO_WAKEUP;
	if (bpf_ringbuf_query(&telemetry, BPF_RB_AVAIL_DATA) >
	    BH_TELEMETRY_WAKEUP_BYTES)
		flags = BPF_RB_FORCE_WAKEUP;
	error = bpf_ringbuf_output(&telemetry, event, size, flags);
	if (error)
		bh_count(BH_COUNTER_telemetry_ring_full);
	return error;
}

#endif
