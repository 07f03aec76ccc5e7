/*
 * What acts run: small, since there are many copies of it, and without a libc.
 * usage: tool [open PATH]   Exits with 0, or 126 where it may not.
 */
#include <asm/unistd.h>

#ifndef __x86_64__
#error "system calls of this architecture"
#endif

#define EPERM 1

__asm__(".globl _start\n"
	"_start:\n"
	"	mov %rsp, %rdi\n"
	"	and $-16, %rsp\n"
	"	call begin\n");

static long call(long number, long first, long second)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(second), "d"(0)
			 : "rcx", "r11", "memory");
	return result;
}

/* A script's interpreter gets arguments too: two, not three. */
void begin(const long *stack)
{
	long opened = stack[0] == 3 ? call(__NR_open, stack[3], 0) : 0;

	for (;;)
		call(__NR_exit_group,
		     opened >= 0 ? 0 : (opened == -EPERM ? 126 : 100), 0);
}
