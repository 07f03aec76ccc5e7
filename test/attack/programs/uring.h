/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring by its system calls: one operation at a time, and what it gave. */
#ifndef BULKHEAD_URING_H
#define BULKHEAD_URING_H

#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "technique.h"

#define PROTECTED "/etc/protected/"

struct uring {
	int fd;
	char *rings;
	struct io_uring_sqe *entries;
	struct io_uring_params parameters;
};

static inline struct uring open_uring(void)
{
	struct uring uring = {0};
	struct io_uring_params *parameters = &uring.parameters;
	size_t size;

	uring.fd = syscall(SYS_io_uring_setup, 4, parameters);
	if (uring.fd < 0 && (errno == ENOSYS || errno == EPERM))
		absent("io_uring is disabled");
	if (uring.fd < 0 || !(parameters->features & IORING_FEAT_SINGLE_MMAP))
		broken("io_uring_setup");
	size = parameters->cq_off.cqes +
	       parameters->cq_entries * sizeof(struct io_uring_cqe);
	uring.rings =
		mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_POPULATE, uring.fd, IORING_OFF_SQ_RING);
	uring.entries =
		mmap(NULL, 4 * sizeof(*uring.entries), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_POPULATE, uring.fd, IORING_OFF_SQES);
	if (uring.rings == MAP_FAILED || uring.entries == MAP_FAILED)
		broken("io_uring mmap");
	return uring;
}

static inline uint32_t *ring_word(struct uring *uring, uint32_t offset)
{
	return (uint32_t *)(uring->rings + offset);
}

/* Submits entry 0 and waits for its result: a negative errno, or what it is. */
static inline int submit(struct uring *uring)
{
	struct io_uring_params *parameters = &uring->parameters;
	uint32_t mask = *ring_word(uring, parameters->sq_off.ring_mask);
	uint32_t *tail = ring_word(uring, parameters->sq_off.tail);
	uint32_t *head = ring_word(uring, parameters->cq_off.head);
	struct io_uring_cqe *results;
	int result;

	ring_word(uring, parameters->sq_off.array)[*tail & mask] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, uring->fd, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		broken("io_uring_enter");
	if (__atomic_load_n(ring_word(uring, parameters->cq_off.tail),
			    __ATOMIC_ACQUIRE) == *head)
		broken("io_uring gave no result");
	mask = *ring_word(uring, parameters->cq_off.ring_mask);
	results = (void *)(uring->rings + parameters->cq_off.cqes);
	result = results[*head & mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return result;
}

/* An operation on paths, in the form that all of them share. */
static inline int do_operation(uint8_t operation, const char *path,
			       const char *other, uint32_t length,
			       uint32_t flags)
{
	struct uring uring = open_uring();
	struct io_uring_sqe *entry = &uring.entries[0];
	int result;

	memset(entry, 0, sizeof(*entry));
	entry->opcode = operation;
	entry->fd = AT_FDCWD;
	entry->addr = (uintptr_t)path;
	entry->off = (uintptr_t)other;
	entry->len = length;
	entry->open_flags = flags;
	result = submit(&uring);
	if (result == -EINVAL)
		absent("io_uring has no such operation here");
	errno = result < 0 ? -result : 0;
	return result;
}

#endif
