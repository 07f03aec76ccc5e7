/* SPDX-License-Identifier: Apache-2.0 */
/* From new user, mount and pid namespaces. */
#include <sched.h>
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID))
		absent("no user namespaces here");
	write_text("/proc/self/setgroups", "deny", 0);
	write_text("/proc/self/uid_map", "0 0 1", 0);
	write_text("/proc/self/gid_map", "0 0 1", 0);
	return attempt(run, DRIFTED);
}
