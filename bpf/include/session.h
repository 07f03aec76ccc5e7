/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The session of a process: who leads it, and its controlling terminal. What
 * may have changed them asks here.
 */
#ifndef BULKHEAD_SESSION_H
#define BULKHEAD_SESSION_H

/* asm-generic/ioctls.h */
#define TIOCSCTTY 0x540e
#define TIOCNOTTY 0x5422

/*
 * Tells of another session or terminal than the last one, where the policy logs
 * the forks or execs of such a process. It is no act of the policy language: no
 * response fires on it, and no candidate is compared.
 */
__noinline int bh_tell_session(__u32 context)
{
	struct task_struct *task = bh_current();
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct bh_process *process = bh_own_process();
	struct bh_act act = {
		.task = (__u64)task,
		.kind = BH_EVENT_SESSION,
		.operations = BH_OPERATION_FORK | BH_OPERATION_EXEC,
		.verdict = BH_VERDICT_ALLOWED,
		.context = context,
	};
	__u32 leader = bh_session_leader(signal);
	__u32 terminal = bh_terminal(signal);

	if (!process || !(process->flags & BH_PROCESS_ENTERED))
		return 0;
	if (process->session_leader != leader)
		act.session_change |= BH_SESSION_CHANGE_LEADER;
	if (process->terminal != terminal)
		act.session_change |= BH_SESSION_CHANGE_TERMINAL;
	if (!act.session_change || !bh_find_own_place(&act.place))
		return 0;
	bh_find_root(&act.place);
	process->session_leader = leader;
	process->terminal = terminal;
	act.origin = process->origin;
	act.session = bh_session(bh_self());
	bh_judge(&act, false);
	if (!(act.active.actions & BH_ACTION_LOG))
		return 0;
	act.operations = 0;
	act.active.fired = 0;
	act.active.actions = BH_ACTION_LOG;
	return bh_emit(&act, (__u64)BPF_CORE_READ(task, mm, exe_file));
}

#endif
