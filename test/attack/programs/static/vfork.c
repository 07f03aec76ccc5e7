/* SPDX-License-Identifier: Apache-2.0 */
/* vfork() and exec. */
#include "technique.h"

int main(void)
{
	char *words[] = {DRIFTED, NULL};
	volatile int error = 0;
	pid_t child;

	copy_file(PAYLOAD, DRIFTED);
	ready();
	child = vfork();
	if (child < 0)
		broken("vfork");
	if (!child) {
		execv(DRIFTED, words);
		/* The memory is the parent's. */
		error = errno;
		_exit(REFUSED);
	}
	if (error)
		say("errno %d", error);
	tell_end(child);
	return 0;
}
