/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_SCRATCH_H
#define BULKHEAD_SCRATCH_H

/* What a program runs from: which scratch it may use. */
enum bh_context {
	BH_CONTEXT_TRACEPOINT,
	BH_CONTEXT_TRAMPOLINE,
	/* A tracepoint of system calls: it can only kill. */
	BH_CONTEXT_SYSCALL,
	/* The same, of an exec whose image is not in place yet. */
	BH_CONTEXT_EARLY,
};

/* The number of one that is taken now; BH_SCRATCH_COUNT: none was free. Global,
 * as all that follows so: the verifier sees it once, not at every call. */
__noinline __u32 bh_free_scratch(__u32 context)
{
	struct bh_scratch *taken;
	__u32 key;

	if (context == BH_CONTEXT_TRACEPOINT)
		return BH_SCRATCH_TRACEPOINT;
#pragma unroll
	for (int i = 1; i < BH_SCRATCH_COUNT; i++) {
		/* Constants: 6.1 does not tell apart the rounds otherwise. */
		key = i;
		taken = bpf_map_lookup_elem(&scratch, &key);
		if (taken && !__sync_val_compare_and_swap(&taken->busy, 0, 1))
			return i;
	}
	bh_count(BH_COUNTER_scratch_busy);
	return BH_SCRATCH_COUNT;
}

/* NULL: all are taken (and counted). */
static __always_inline struct bh_scratch *bh_take_scratch(__u32 context)
{
	__u32 key = bh_free_scratch(context);

	return bpf_map_lookup_elem(&scratch, &key);
}

static __always_inline void bh_release_scratch(struct bh_scratch *scratch_)
{
	__sync_lock_test_and_set(&scratch_->busy, 0);
}

#endif
