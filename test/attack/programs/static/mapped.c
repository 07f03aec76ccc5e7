/* SPDX-License-Identifier: Apache-2.0 */
/* mapped private|shared: a drifted file is mapped executable at once. */
#include <sys/mman.h>
#include "code.h"

static int fd;

static void jump(const char *kind)
{
	int flags = strcmp(kind, "shared") ? MAP_PRIVATE : MAP_SHARED;
	void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, flags, fd, 0);

	if (code != MAP_FAILED)
		jump_to(code);
}

int main(int argc, char **argv)
{
	fd = open_drifted_code();
	return attempt(jump, argc > 1 ? argv[1] : "private");
}
