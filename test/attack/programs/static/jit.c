/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles at run time: anonymous memory, written and then made executable. */
#include <sys/mman.h>
#include "technique.h"

static const unsigned char code[] = {
#ifdef __x86_64__
	0xb8, 42, 0, 0, 0, 0xc3, /* mov $42, %eax; ret */
#elif defined(__aarch64__)
	0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6, /* mov w0, #42; ret */
#else
#error "no code for this processor"
#endif
};

int main(void)
{
	for (int i = 0; i < 100; i++) {
		void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED)
			return broken("mmap");
		memcpy(page, code, sizeof(code));
		if (mprotect(page, 4096, PROT_READ | PROT_EXEC))
			return broken("mprotect");
		__builtin___clear_cache(page, (char *)page + sizeof(code));
		if (((int (*)(void))page)() != RAN)
			return 1;
		munmap(page, 4096);
	}
	say("done");
	return 0;
}
