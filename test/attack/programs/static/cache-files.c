/* SPDX-License-Identifier: Apache-2.0 */
/* As a runtime does with its caches: write, rename, map read-only, compare. */
#include <sys/mman.h>
#include "technique.h"

#define SIZE 65536

static void cache(int number, const char *bytes)
{
	char name[64], temporary[64];
	void *mapped;
	int fd;

	snprintf(name, sizeof(name), "/tmp/cache/%d.bin", number);
	snprintf(temporary, sizeof(temporary), "/tmp/cache/.%d.part", number);
	fd = open(temporary, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd < 0 || write(fd, bytes, SIZE) != SIZE || fsync(fd) || close(fd))
		broken(temporary);
	if (rename(temporary, name))
		broken(name);
	fd = open(name, O_RDONLY);
	mapped = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	if (mapped == MAP_FAILED || memcmp(mapped, bytes, SIZE))
		broken(name);
	/* Its own copy of the pages may be written to, and still not run. */
	if (mprotect(mapped, SIZE, PROT_READ | PROT_WRITE))
		broken("mprotect");
	munmap(mapped, SIZE);
	close(fd);
}

int main(void)
{
	static char bytes[SIZE];

	if (mkdir("/tmp/cache", 0755))
		return broken("/tmp/cache");
	for (int i = 0; i < 50; i++) {
		memset(bytes, i, SIZE);
		cache(i, bytes);
	}
	say("done");
	return 0;
}
