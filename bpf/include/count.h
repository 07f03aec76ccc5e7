/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_COUNT_H
#define BULKHEAD_COUNT_H

static __always_inline void bh_count(enum bh_counter counter)
{
	__u32 key = counter;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	/* Atomic: a trampoline program can be preempted here. */
	if (value)
		__sync_fetch_and_add(value, 1);
}

/* Counts a failure and notes it as the reason of an undecided event. */
#define bh_undecided(bits, reason)                                             \
	do {                                                                   \
		bh_count(BH_COUNTER_##reason);                                 \
		*(bits) |= 1u << BH_UNDECIDED_##reason;                        \
	} while (0)

static __always_inline const struct bh_config *bh_config(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&config, &key);
}

#endif
