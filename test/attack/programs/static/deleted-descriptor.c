/* SPDX-License-Identifier: Apache-2.0 */
/* Opened, deleted, run by its descriptor. */
#include "technique.h"

static int fd;

static void run_descriptor(const char *word)
{
	char *words[] = {(char *)word, NULL};

	fexecve(fd, words, environ);
}

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	fd = open(DRIFTED, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || unlink(DRIFTED))
		broken(DRIFTED);
	return attempt(run_descriptor, DRIFTED);
}
