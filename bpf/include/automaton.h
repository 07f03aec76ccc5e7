/* SPDX-License-Identifier: (GPL-2.0 OR Apache-2.0) */
/*
 * The automaton over the path patterns of a policy set, and how it is walked.
 * C and C++, kernel and user space; whoever includes it has __u8 ... __u64.
 *Written by proto/ts/policy/automaton/serialise.ts;
 * test/kernel/automaton-walk.test.ts compiles the walk and compares.
 *
 * One block of memory, little endian:
 *
 *	struct bh_automaton	what lies where
 *	__u32 cells[]		cell_count
 *	__u32 outputs[]		output_count * 3 * words
 *
 * A state is the index of its base cell; 0 is the dead state. Its cells:
 *
 *	base + 0	class BH_CELL_REST: the target for any class without a
 *			cell of its own, except the slash
 *	base + 1	class BH_CELL_OUTPUT: the number of its output
 *	base + class	class: the target
 *
 * A cell belongs to the state only if the class that stands in it is the one
 * that was looked for: no two states have one base. Behind any base there are
 * 255 cells, so a look-up never leaves the table. What is not there is dead.
 *
 *	bits 31..24	class; BH_CELL_FREE: nobody's
 *	bit 23		the target says something
 *	bits 22..0	base of the target, or number of the output
 *
 * An output is three sets of lists, `words` words each: latched (holds for
 * this text and every longer one), component (holds until the next slash),
 * final (holds if the text ends here). A path is walked once from each start;
 * the lists that match are the union.
 */
#ifndef BULKHEAD_AUTOMATON_H
#define BULKHEAD_AUTOMATON_H

#define BH_AUTOMATON_VERSION 1
#define BH_AUTOMATON_HEADS 3

#define BH_CELL_REST 0
#define BH_CELL_OUTPUT 1
#define BH_CELL_FREE 0xff
#define BH_CELL_CLASS(cell) ((cell) >> 24)
#define BH_CELL_SPEAKS (1u << 23)
#define BH_CELL_TARGET(cell) ((cell)&0x7fffffu)

struct bh_automaton {
	__u32 version;
	/* Of 32 bits, that a set of lists has. */
	__u32 words;
	/* Class of the slash. */
	__u32 slash_class;
	__u32 cell_count;
	__u32 output_count;
	/* Cells without a class; 0: nothing begins there. */
	__u32 starts[BH_AUTOMATON_HEADS];
	/* By byte. */
	__u8 classes[256];
};

/*
 * Defines one byte of a walk: the cell that it leads to, 0: dead. `cell` is
 * what the byte before led to; at most two of cell_of(cells, index).
 */
#define BH_AUTOMATON_STEP(step, cells_type, cell_of)                           \
	static __always_inline __u32 step(cells_type cells, __u32 cell,        \
					  __u32 byte_class, __u32 slash_class) \
	{                                                                      \
		__u32 state = BH_CELL_TARGET(cell);                            \
		__u32 next = cell_of(cells, state + byte_class);               \
                                                                               \
		if (BH_CELL_CLASS(next) == byte_class)                         \
			return next;                                           \
		if (byte_class == slash_class)                                 \
			return 0;                                              \
		next = cell_of(cells, state);                                  \
		return BH_CELL_CLASS(next) == BH_CELL_REST ? next : 0;         \
	}

#endif
