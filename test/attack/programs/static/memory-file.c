/* SPDX-License-Identifier: Apache-2.0 */
/* memory-file [sealed]: memfd_create and fexecve. */
#include <sys/mman.h>
#include "technique.h"

static int fd;

static void run_descriptor(const char *word)
{
	char *words[] = {(char *)word, NULL};

	fexecve(fd, words, environ);
}

int main(int argc, char **argv)
{
	fd = memfd_create("drifted", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	copy_into(fd, PAYLOAD);
	if (argc > 1 && !strcmp(argv[1], "sealed") &&
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE))
		broken("F_ADD_SEALS");
	return attempt(run_descriptor, "drifted");
}
