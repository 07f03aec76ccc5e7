/* SPDX-License-Identifier: Apache-2.0 */
/* dlopen [memory]: of a drifted library, or of one in a memfd. */
#include <dlfcn.h>
#include <sys/mman.h>
#include "../technique.h"

#define LIBRARY "/attack/payload.so"

static void load(const char *path)
{
	const char *said;

	if (dlopen(path, RTLD_NOW))
		_exit(0);
	said = dlerror();
	fprintf(stderr, "%s\n", said);
	errno = strstr(said, "failed to map segment") ? EPERM : ENOEXEC;
}

int main(int argc, char **argv)
{
	char path[64] = DRIFTED;
	int fd;

	if (argc > 1 && !strcmp(argv[1], "memory")) {
		fd = memfd_create("drifted", 0);
		copy_into(fd, LIBRARY);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	} else {
		copy_file(LIBRARY, DRIFTED);
	}
	return attempt(load, path);
}
