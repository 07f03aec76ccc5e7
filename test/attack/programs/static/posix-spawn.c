/* SPDX-License-Identifier: Apache-2.0 */
/* posix_spawn(). */
#include <spawn.h>
#include "technique.h"

int main(void)
{
	char *words[] = {DRIFTED, NULL};
	pid_t child;

	copy_file(PAYLOAD, DRIFTED);
	ready();
	errno = posix_spawn(&child, DRIFTED, NULL, NULL, words, environ);
	if (errno)
		refused();
	else
		tell_end(child);
	return 0;
}
