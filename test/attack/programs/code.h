/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine code that makes the proof, wherever it is put; made of system calls
 * alone. It is a constant: this program never runs its own copy.
 */
#ifndef BULKHEAD_CODE_H
#define BULKHEAD_CODE_H

#include "technique.h"

extern const char proof_code[], proof_code_end[];

#ifdef __x86_64__
__asm__(".pushsection .rodata\n"
	"proof_code:\n"
	"	lea	1f(%rip), %rdi\n"
	"	mov	$0101, %esi\n" /* O_CREAT | O_WRONLY */
	"	mov	$0644, %edx\n"
	"	mov	$2, %eax\n" /* open */
	"	syscall\n"
	"	mov	$42, %edi\n"  /* RAN */
	"	mov	$231, %eax\n" /* exit_group */
	"	syscall\n"
	"1:	.asciz	\"" PROOF "\"\n"
	"proof_code_end:\n"
	".popsection\n");
#elif defined(__aarch64__)
__asm__(".pushsection .rodata\n"
	".balign 4\n"
	"proof_code:\n"
	"	mov	x0, #-100\n" /* AT_FDCWD */
	"	adr	x1, 1f\n"
	"	mov	x2, #0101\n" /* O_CREAT | O_WRONLY */
	"	mov	x3, #0644\n"
	"	mov	x8, #56\n" /* openat */
	"	svc	#0\n"
	"	mov	x0, #42\n" /* RAN */
	"	mov	x8, #94\n" /* exit_group */
	"	svc	#0\n"
	"1:	.asciz	\"" PROOF "\"\n"
	"proof_code_end:\n"
	".popsection\n");
#else
#error "no code for this processor"
#endif

static inline int open_drifted_code(void)
{
	size_t length = proof_code_end - proof_code;
	int out = open(DRIFTED, O_CREAT | O_WRONLY | O_TRUNC, 0644), fd;

	if (out < 0 || write(out, proof_code, length) != (ssize_t)length ||
	    close(out))
		broken(DRIFTED);
	fd = open(DRIFTED, O_RDONLY);
	if (fd < 0)
		broken(DRIFTED);
	return fd;
}

static inline void jump_to(void *code)
{
	((void (*)(void))code)();
}

#endif
