/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_ACT_H
#define BULKHEAD_ACT_H

struct bh_outcome {
	/* Indexes of the responses that fired, and of those that would block.
	 */
	__u64 fired;
	__u64 denies;
	/* Their union: log, alert, block (observed or not). */
	__u32 actions;
	/* A response that blocks fired, and is not only observed. */
	__u32 blocks;
};

/*
 * One act: who does what to which file, where, and what was decided. One
 * struct, since all of it stands on a stack of 512 bytes. Addresses are
 * numbers.
 */
struct bh_act {
	struct bh_place place;
	/* fork: the child. */
	__u64 task;
	/* The file that is about to run; 0: what the task runs. */
	__u64 file;
	/* The file acted on; 0: none. */
	__u64 target_mnt;
	__u64 target_dentry;
	union {
		/* exec: lists that match the path of `file`, by set. */
		__u64 lists[2];
		/* rename, link: the other name of the file acted on. */
		struct {
			__u64 other_mnt;
			__u64 other_dentry;
		};
	};
	struct bh_outcome active;
	struct bh_outcome candidate;
	/* Bits of enum bh_operation. */
	__u32 operations;
	/* Bits of enum bh_undecided_reason. */
	__u32 undecided;
	/* Of the file acted on: the flags it is opened with, its mode, and the
	 * mode it is given. */
	__u32 open_flags;
	__u16 target_mode;
	__u16 new_mode;
	/* Layer of the file judged: that runs or is loaded. */
	__u8 origin;
	__u8 session;
	__u8 volume;
	__u8 kind;
	__u8 verdict;
	/* enum bh_context */
	__u8 context;
	/* lists are told: a bit for each set. */
	__u8 listed;
	/* BH_SESSION_CHANGE_... */
	__u8 session_change;
};

#endif
