// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions of containers: setsid, and the controlling terminal, which is taken
 * by opening one or by ioctl. The hooks are thin shells over include/session.h.
 */
#include "include/session.h"

/* What setsid calls in the end, of either kind of task; the second where the
 * kernel has no PROC_EVENTS. */
SEC("fexit/proc_sid_connector")
int BPF_PROG(bh_setsid)
{
	bh_tell_session(BH_CONTEXT_TRAMPOLINE);
	return 0;
}

SEC("fexit/sched_autogroup_create_attach")
int BPF_PROG(bh_setsid_autogroup)
{
	bh_tell_session(BH_CONTEXT_TRAMPOLINE);
	return 0;
}

SEC("fexit/tty_open_proc_set_tty")
int BPF_PROG(bh_tty_open)
{
	bh_tell_session(BH_CONTEXT_TRAMPOLINE);
	return 0;
}

SEC("fexit/tty_jobctrl_ioctl")
int BPF_PROG(bh_tty_ioctl, struct tty_struct *tty, struct tty_struct *real_tty,
	     struct file *file, unsigned int command)
{
	if (command == TIOCSCTTY || command == TIOCNOTTY)
		bh_tell_session(BH_CONTEXT_TRAMPOLINE);
	return 0;
}
