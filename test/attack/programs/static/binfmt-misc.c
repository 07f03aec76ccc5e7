/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drifted interpreter for a made-up format. In a user namespace, whose
 * formats are its own: without one they would be the whole machine's.
 */
#include <sched.h>
#include <sys/mount.h>
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	write_text("/tmp/data", "BULKHEAD-ATTACK\n", 0755);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		absent("no user namespaces here");
	write_text("/proc/self/setgroups", "deny", 0);
	write_text("/proc/self/uid_map", "0 0 1", 0);
	write_text("/proc/self/gid_map", "0 0 1", 0);
	if (mount("binfmt_misc", "/mnt", "binfmt_misc", 0, NULL)) {
		if (errno == ENODEV)
			absent("the kernel has no binfmt_misc");
		if (errno == EPERM)
			absent("binfmt_misc is the whole machine's before 6.7");
		broken("binfmt_misc");
	}
	write_text("/mnt/register", ":attack:M::BULKHEAD-ATTACK::" DRIFTED ":",
		   0);
	return attempt(run, "/tmp/data");
}
