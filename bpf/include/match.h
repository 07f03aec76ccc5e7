/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The path patterns of a policy set against one path: all heads of its
 * automaton in one pass.
 */
#ifndef BULKHEAD_MATCH_H
#define BULKHEAD_MATCH_H

#define BH_AUTOMATON_HEADER_WORDS (sizeof(struct bh_automaton) / sizeof(__u32))

/*
 * Of a path, in one round of bpf_loop(): each round is a call. An open of a
 * path of 100 bytes among 10 patterns, 6.18: 1 byte 2.6 us over no patterns, 4
 * bytes 1.9. 8 bytes gain some 0.1 more (not measured beside 4), but the
 * verifier looks at each byte: 20 000, 40 000 and 80 000 instructions a
 * program.
 */
#define BH_MARCH_BYTES 4

/* What bpf_loop() hands to its body. */
struct bh_marching {
	struct bh_automaton *automaton;
	struct bh_scratch *scratch;
};

/*
 * For one class of automatons: the walk over scratch->walk from start on. It is
 * a bpf_loop() (5.17), since the verifier walks a loop of its own round by
 * round: over a million instructions on 6.1. An index is masked to the size of
 * the class: right for every automaton that the addon has let in, and proven
 * for the verifier.
 */
#define BH_DEFINE_MATCH(class, words_)                                         \
	static __always_inline __u32 bh_word_##class(                          \
		struct bh_automaton * automaton, __u32 at)                     \
	{                                                                      \
		at &= (words_)-1;                                              \
		barrier_var(at);                                               \
		return ((__u32 *)automaton)[at & ((words_)-1)];                \
	}                                                                      \
                                                                               \
	static __always_inline __u32 bh_cell_##class(                          \
		struct bh_automaton * automaton, __u32 at)                     \
	{                                                                      \
		return bh_word_##class(automaton,                              \
				       BH_AUTOMATON_HEADER_WORDS + at);        \
	}                                                                      \
                                                                               \
	static __always_inline __u64 bh_lists_##class(                         \
		struct bh_automaton * automaton, __u32 at, __u32 words)        \
	{                                                                      \
		__u64 high = bh_word_##class(automaton, at + words - 1);       \
                                                                               \
		return bh_word_##class(automaton, at) |                        \
		       high << (32 * ((words - 1) & 1));                       \
	}                                                                      \
                                                                               \
	static __noinline int bh_hear_##class(struct bh_marching * on,         \
					      __u32 cell)                      \
	{                                                                      \
		struct bh_automaton *automaton = on->automaton;                \
		struct bh_march *march = &on->scratch->march;                  \
		__u32 words = automaton->words;                                \
		__u32 at = bh_cell_##class(automaton, BH_CELL_TARGET(cell) +   \
							      BH_CELL_OUTPUT); \
                                                                               \
		at = BH_AUTOMATON_HEADER_WORDS + automaton->cell_count +       \
		     BH_CELL_TARGET(at) * 3 * words;                           \
		march->matched |= bh_lists_##class(automaton, at, words);      \
		march->component |=                                            \
			bh_lists_##class(automaton, at + words, words);        \
		march->final |=                                                \
			bh_lists_##class(automaton, at + 2 * words, words);    \
		return 0;                                                      \
	}                                                                      \
                                                                               \
	BH_AUTOMATON_STEP(bh_step_##class, struct bh_automaton *,              \
			  bh_cell_##class)                                     \
                                                                               \
	static long bh_march_##class(__u32 i, struct bh_marching * on)         \
	{                                                                      \
		struct bh_automaton *automaton = on->automaton;                \
		struct bh_march *march = &on->scratch->march;                  \
		__u32 start = march->start + i * BH_MARCH_BYTES;               \
		__u32 slash = automaton->slash_class;                          \
                                                                               \
		for (__u32 byte = 0; byte < BH_MARCH_BYTES; byte++) {          \
			__u32 at = start + byte;                               \
			__u32 byte_class;                                      \
                                                                               \
			/* Or the compiler adds start to the address. */       \
			barrier_var(at);                                       \
			if (at >= BH_PATH_BYTES_MAX)                           \
				return 1;                                      \
			byte_class = automaton->classes[(__u8)on->scratch      \
								->walk[at]];   \
			march->final = 0;                                      \
			if (byte_class == slash)                               \
				march->component = 0;                          \
			for (__u32 head = 0; head < BH_AUTOMATON_HEADS;        \
			     head++) {                                         \
				__u32 cell = march->cells[head];               \
                                                                               \
				if (!cell)                                     \
					continue;                              \
				cell = bh_step_##class(automaton, cell,        \
						       byte_class, slash);     \
				march->cells[head] = cell;                     \
				if (cell & BH_CELL_SPEAKS)                     \
					bh_hear_##class(on, cell);             \
			}                                                      \
			if (!(march->cells[0] | march->cells[1] |              \
			      march->cells[2] | march->component))             \
				return 1;                                      \
		}                                                              \
		return 0;                                                      \
	}                                                                      \
                                                                               \
	__noinline __u64 bh_match_##class(struct bh_scratch * scratch,         \
					  __u32 set, __u32 start)              \
	{                                                                      \
		struct bh_marching on = {.scratch = scratch};                  \
		struct bh_march *march;                                        \
		__u32 only = 0;                                                \
		void *outer;                                                   \
                                                                               \
		outer = bpf_map_lookup_elem(&automatons_##class, &set);        \
		if (!scratch || !outer)                                        \
			return 0;                                              \
		on.automaton = bpf_map_lookup_elem(outer, &only);              \
		if (!on.automaton)                                             \
			return 0;                                              \
		march = &scratch->march;                                       \
		__builtin_memset(march, 0, sizeof(*march));                    \
		march->start = start;                                          \
		for (__u32 head = 0; head < BH_AUTOMATON_HEADS; head++) {      \
			march->cells[head] = on.automaton->starts[head];       \
			if (march->cells[head] & BH_CELL_SPEAKS)               \
				bh_hear_##class(&on, march->cells[head]);      \
		}                                                              \
		bpf_loop(BH_PATH_BYTES_MAX / BH_MARCH_BYTES, bh_march_##class, \
			 &on, 0);                                              \
		return march->matched | march->component | march->final |      \
		       BH_LISTS_ANY;                                           \
	}

BH_AUTOMATON_CLASSES(BH_DEFINE_MATCH)

/*
 * The lists of a set that match scratch->walk from start on, and BH_LISTS_ANY;
 * 0: the set has no automaton.
 */
static __always_inline __u64 bh_match(const struct bh_policy_set *set, __u32 id,
				      struct bh_scratch *scratch, __u32 start)
{
	switch (set->automaton_class) {
#define X(name, words)                                                         \
	case BH_AUTOMATON_##name:                                              \
		return bh_match_##name(scratch, id, start);
		BH_AUTOMATON_CLASSES(X)
#undef X
	}
	return 0;
}

#endif
