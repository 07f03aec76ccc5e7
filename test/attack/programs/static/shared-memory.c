/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that processes share: anonymous, in a memfd, and by a name. */
#include <sys/mman.h>
#include "technique.h"

static void share(int fd, int flags)
{
	volatile int *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				    MAP_SHARED | flags, fd, 0);
	pid_t child;

	if (shared == MAP_FAILED)
		broken("mmap");
	child = fork();
	if (!child) {
		*shared = RAN;
		_exit(0);
	}
	waitpid(child, NULL, 0);
	if (*shared != RAN)
		exit(1);
}

int main(void)
{
	int memory = memfd_create("shared", MFD_CLOEXEC);
	int named = shm_open("/shared", O_CREAT | O_RDWR, 0600);

	if (memory < 0 || named < 0 || ftruncate(memory, 4096) ||
	    ftruncate(named, 4096))
		return broken("memfd_create");
	share(-1, MAP_ANONYMOUS);
	share(memory, 0);
	share(named, 0);
	shm_unlink("/shared");
	say("done");
	return 0;
}
