// SPDX-License-Identifier: GPL-2.0
/* All sensors share their maps: they are one object. */
#include "process.bpf.c"
#include "cgroup.bpf.c"
