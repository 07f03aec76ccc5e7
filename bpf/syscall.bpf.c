// SPDX-License-Identifier: GPL-2.0
/*
 * What no hook can deny: the backend signal. A system call of any task on the
 * machine comes through here, so those for opens and loads are attached only
 * once a policy asks for files or loads.
 */
#include "include/syscall.h"
#include "include/script.h"

SEC("tp_btf/sys_exit")
int BPF_PROG(bh_call_exit, struct pt_regs *regs, long result)
{
	bh_call_ended(regs, result);
	return 0;
}

SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(bh_exec_prepared, struct task_struct *task,
	     struct linux_binprm *bprm)
{
	bh_judge_scripts(bprm, BH_CONTEXT_EARLY);
	return 0;
}

/* Where there is no sched_prepare_exec. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(bh_exec_script, struct task_struct *task, pid_t old_pid,
	     struct linux_binprm *bprm)
{
	bh_judge_scripts(bprm, BH_CONTEXT_TRACEPOINT);
	return 0;
}

/* After bh_exec: by then the process is known to be the container's. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(bh_call_exec, struct task_struct *task, pid_t old_pid,
	     struct linux_binprm *bprm)
{
	bh_loader_mapped();
	return 0;
}
