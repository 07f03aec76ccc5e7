/* SPDX-License-Identifier: Apache-2.0 */
/* execveat() of a descriptor, with AT_EMPTY_PATH: no path at all. */
#include <sys/syscall.h>
#include "technique.h"

static int fd;

static void run_empty_path(const char *word)
{
	char *words[] = {(char *)word, NULL};

	syscall(SYS_execveat, fd, "", words, environ, AT_EMPTY_PATH);
}

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	fd = open(DRIFTED, O_RDONLY);
	if (fd < 0)
		broken(DRIFTED);
	return attempt(run_empty_path, DRIFTED);
}
