// SPDX-License-Identifier: GPL-2.0
/*
 * Processes of containers: exec, fork, exit. The hooks are thin shells over
 * include/process.h; bpf/README.md says why these and since which kernel.
 */
#include "include/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "include/abi.h"
#include "include/maps.h"
#include "include/count.h"
#include "include/container.h"
#include "include/origin.h"
#include "include/scratch.h"
#include "include/path.h"
#include "include/match.h"
#include "include/act.h"
#include "include/compare.h"
#include "include/policy.h"
#include "include/emit.h"
#include "include/process.h"

#define BH_EPERM 1

/* Constants from branches: 6.12's verifier wants an lsm program's return
 * proven to lie in [-4095, 0]. */
SEC("lsm/bprm_check_security")
int BPF_PROG(bh_exec_lsm, struct linux_binprm *bprm)
{
	if (bh_check_exec(bprm))
		return -BH_EPERM;
	return 0;
}

SEC("fmod_ret/security_bprm_check")
int BPF_PROG(bh_exec_fmod, struct linux_binprm *bprm, int ret)
{
	if (ret)
		return ret;
	if (bh_check_exec(bprm))
		return -BH_EPERM;
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(bh_exec, struct task_struct *task, pid_t old_pid,
	     struct linux_binprm *bprm)
{
	bh_executed(bh_current(), bprm);
	return 0;
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(bh_fork, struct task_struct *parent, struct task_struct *child)
{
	/* A thread is not a process; a process is its own leader, and read
	 * through it the pointer is the plain number that subprograms take. */
	if (child->pid == child->tgid)
		bh_forked(child, BPF_CORE_READ(child, group_leader));
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(bh_exit, struct task_struct *task)
{
	/* Already counted down when the tracepoint fires. */
	if (BPF_CORE_READ(task, signal, live.counter) == 0)
		bh_exited(bh_current());
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
