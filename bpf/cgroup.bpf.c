// SPDX-License-Identifier: GPL-2.0
/*
 * Cgroups of the v2 hierarchy: a new one knows its container before a task
 * can be in it, because mkdir makes it visible only after the tracepoint.
 */
#include "include/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include "include/abi.h"
#include "include/maps.h"
#include "include/count.h"
#include "include/container.h"
#include "include/cgroup.h"

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(bh_cgroup_mkdir, struct cgroup *cgroup, const char *path)
{
	if (bh_in_default_hierarchy(cgroup))
		bh_cgroup_made(cgroup, path);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(bh_cgroup_rmdir, struct cgroup *cgroup, const char *path)
{
	if (bh_in_default_hierarchy(cgroup))
		bh_cgroup_gone(cgroup, path);
	return 0;
}
