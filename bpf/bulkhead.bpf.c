// SPDX-License-Identifier: GPL-2.0
/* All sensors share their maps: they are one object. */
#include "process.bpf.c"
#include "file.bpf.c"
#include "session.bpf.c"
#include "syscall.bpf.c"
#include "cgroup.bpf.c"
