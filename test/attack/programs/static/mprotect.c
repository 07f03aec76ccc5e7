/* SPDX-License-Identifier: Apache-2.0 */
/* A private mapping of a drifted file becomes executable. */
#include <sys/mman.h>
#include "code.h"

static int fd;

static void jump(const char *path)
{
	void *code = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	if (code == MAP_FAILED)
		broken(path);
	if (mprotect(code, 4096, PROT_READ | PROT_EXEC))
		return;
	jump_to(code);
}

int main(void)
{
	fd = open_drifted_code();
	return attempt(jump, DRIFTED);
}
