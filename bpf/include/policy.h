/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The verdict: what the two policy sets of a container say about one act.
 */
#ifndef BULKHEAD_POLICY_H
#define BULKHEAD_POLICY_H

/* 1: any bit set, 0: none; a branch would double the verifier's states, and
 * clang makes one of whatever it recognises. */
static __always_inline __u64 bh_any(__u64 bits)
{
	__u64 negative = -bits;

	barrier_var(negative);
	return (bits | negative) >> 63;
}

/* A mask of selectors, by a value that must be below count. */
#define bh_by(masks, value, count) ((value) < (count) ? (masks)[value] : 0)

/* The selectors that match but for what they ask of users, capabilities and
 * paths. */
static __always_inline __u64 bh_preselect(const struct bh_policy_set *set,
					  const struct bh_act *act)
{
	__u64 selectors = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < BH_OPERATIONS_COUNT; i++) {
		__u64 does = act->operations >> i & 1;

		selectors |= set->operations[i] & -does;
	}
	return selectors & bh_by(set->origins, act->origin, BH_ORIGINS_COUNT) &
	       bh_by(set->sessions, act->session, BH_SESSIONS_COUNT) &
	       bh_by(set->volumes, act->volume, BH_VOLUMES_COUNT);
}

/* Whether one of the operations is in question at all. A candidate counts every
 * act. */
static __always_inline bool bh_asks(const struct bh_place *place,
				    __u32 operations)
{
	const struct bh_policy_set *set;
	__u32 id = place->active_set;
	__u64 selectors = 0;

	if (place->candidate_set)
		return true;
	set = bpf_map_lookup_elem(&policy_sets, &id);
	if (!set)
		return id;
#pragma unroll
	for (__u32 i = 0; i < BH_OPERATIONS_COUNT; i++)
		if (operations & 1u << i)
			selectors |= set->operations[i];
	return selectors;
}

/* Of the selectors in question those that the user of a task satisfies. */
__noinline __u64 bh_select_user(const struct bh_policy_set *set,
				__u64 task_address, __u32 *undecided)
{
	struct task_struct *task = (void *)task_address;
	const struct cred *cred;
	__u64 selected;
	__u32 user;

	if (!set || !undecided)
		return 0;
	selected = set->any_user;
	if (bpf_core_read(&cred, sizeof(cred), &task->cred) ||
	    bpf_core_read(&user, sizeof(user), &cred->euid.val)) {
		bh_undecided(undecided, credentials_read_failed);
		return selected;
	}
	for (__u32 i = 0; i < BH_USER_RANGES_MAX; i++) {
		const struct bh_user_range *range = &set->users[i];
		__u64 below, above;

		if (i >= set->user_range_count)
			break;
		/* Bit 63: user < first, last < user. */
		below = (__u64)user - range->first;
		above = (__u64)range->last - user;
		barrier_var(below);
		barrier_var(above);
		selected |= range->selectors & ~-((below | above) >> 63);
	}
	return selected;
}

static __always_inline __u64 bh_capabilities(__u64 task_address,
					     __u32 *undecided)
{
	struct task_struct *task = (void *)task_address;
	const struct cred *cred;
	__u64 effective = 0;

	if (bpf_core_read(&cred, sizeof(cred), &task->cred) ||
	    bpf_core_read(&effective, sizeof(effective), &cred->cap_effective))
		bh_undecided(undecided, credentials_read_failed);
	return effective | BH_CAPABILITIES_ANY;
}

/* The members of struct bh_policy_selector, in their order. */
enum bh_asked {
	BH_ASKED_EXECUTABLES,
	BH_ASKED_PARENTS,
	BH_ASKED_TARGETS,
	BH_ASKED_CAPABILITIES,
	BH_ASKED_COUNT,
};

/* Of the selectors in question those whose condition a value meets. */
__noinline __u64 bh_select(const struct bh_policy_set *set, __u64 selectors,
			   __u32 asked, __u64 value)
{
	__u64 selected = 0;

	if (!set)
		return 0;
	asked &= BH_ASKED_COUNT - 1;
	barrier_var(asked);
	for (__u32 i = 0; i < BH_SELECTORS_MAX; i++) {
		const __u64 *asks = (const __u64 *)&set->selectors[i];

		if (i >= set->selector_count)
			break;
		selected |= bh_any(asks[asked & (BH_ASKED_COUNT - 1)] & value)
			    << i;
	}
	return selected & selectors;
}

/* Adds the responses that fire on the selectors that match. */
__noinline int bh_respond(const struct bh_policy_set *set, __u64 matched,
			  struct bh_outcome *outcome)
{
	__u64 fired = 0, denies = 0;
	__u32 actions = 0, blocks = 0;

	if (!set || !outcome)
		return 0;
	for (__u32 i = 0; i < BH_RESPONSES_MAX; i++) {
		const struct bh_policy_response *response = &set->responses[i];
		__u32 mask, observed;
		__u64 hit;

		if (i >= set->response_count)
			break;
		hit = bh_any(matched & response->match) &
		      ~bh_any(matched & response->exclude);
		mask = -(__u32)hit & response->actions;
		fired |= hit << i;
		denies |= bh_any(mask & BH_ACTION_BLOCK) << i;
		actions |= mask;
		observed = -(__u32)bh_any(mask & BH_ACTION_OBSERVE);
		blocks |= mask & BH_ACTION_BLOCK & ~observed;
	}
	outcome->fired |= fired;
	outcome->denies |= denies;
	outcome->actions |=
		actions & (BH_ACTION_LOG | BH_ACTION_ALERT | BH_ACTION_BLOCK);
	outcome->blocks |= blocks;
	return 0;
}

/*
 * The lists of a set that match a path, and BH_LISTS_ANY; that alone and a
 * reason: it could not be told.
 */
__noinline __u64 bh_match_path(const struct bh_policy_set *set, __u32 id,
			       struct bh_act *act, __u64 mnt, __u64 dentry)
{
	struct bh_scratch *scratch_;
	__u64 lists = BH_LISTS_ANY;
	int start;

	if (!set || !act)
		return lists;
	scratch_ = bh_take_scratch(act->context);
	if (!scratch_) {
		act->undecided |= 1u << BH_UNDECIDED_scratch_busy;
		return lists;
	}
	bh_aim(scratch_, mnt, dentry, act->place.root_dentry, act->task);
	start = bh_walk_path(scratch_, &act->undecided);
	if (start >= 0)
		lists |= bh_match(set, id, scratch_, start);
	bh_release_scratch(scratch_);
	return lists;
}

static __always_inline __u64 bh_match_file(const struct bh_policy_set *set,
					   __u32 id, struct bh_act *act,
					   struct file *file)
{
	return bh_match_path(set, id, act,
			     (__u64)BPF_CORE_READ(file, f_path.mnt),
			     (__u64)BPF_CORE_READ(file, f_path.dentry));
}

/* Another thread may be telling the lists of a new set. */
static __always_inline bool bh_kept(struct bh_path_lists *kept, __u32 id,
				    __u64 *lists)
{
	if (*(volatile __u32 *)&kept->set != id)
		return false;
	*lists = *(volatile __u64 *)&kept->lists;
	return *(volatile __u32 *)&kept->set == id;
}

/*
 * The same for what a task runs: told at its exec and kept, unless the set has
 * changed since. 0: not kept.
 */
static __noinline __u64 bh_match_kept(__u32 id, const struct bh_act *act,
				      bool parent)
{
	struct task_struct *task = (void *)act->task;
	struct bh_process *process;
	__u64 lists = 0;

	if (parent)
		task = BPF_CORE_READ(task, real_parent);
	process = bh_process(task);
	if (process && !bh_kept(&process->executable[0], id, &lists))
		bh_kept(&process->executable[1], id, &lists);
	return lists;
}

static __noinline int bh_keep(__u32 id, const struct bh_act *act, __u64 lists)
{
	struct bh_process *process = bh_process((void *)act->task);
	struct bh_path_lists *kept;

	if (!process)
		return 0;
	kept = &process->executable[0];
	if (id == act->place.candidate_set)
		kept = &process->executable[1];
	*(volatile __u32 *)&kept->set = 0;
	*(volatile __u64 *)&kept->lists = lists;
	*(volatile __u32 *)&kept->set = id;
	return 0;
}

static __always_inline struct file *bh_runs(const struct bh_act *act,
					    bool parent)
{
	struct task_struct *task = (void *)act->task;

	if (parent)
		task = BPF_CORE_READ(task, real_parent);
	return BPF_CORE_READ(task, mm, exe_file);
}

static __always_inline __u64 bh_match_who(const struct bh_policy_set *set,
					  __u32 id, struct bh_act *act,
					  bool parent)
{
	__u64 lists = bh_match_kept(id, act, parent);
	struct file *file;

	if (lists)
		return lists;
	file = bh_runs(act, parent);
	if (!file) {
		bh_undecided(&act->undecided, path_read_failed);
		return BH_LISTS_ANY;
	}
	lists = bh_match_file(set, id, act, file);
	if (!parent && !act->undecided)
		bh_keep(id, act, lists);
	return lists;
}

static __always_inline __u64
bh_match_executable(const struct bh_policy_set *set, __u32 id,
		    struct bh_act *act, __u32 slot)
{
	__u64 lists;

	if (!act->file)
		return bh_match_who(set, id, act, false);
	lists = bh_match_file(set, id, act, (struct file *)act->file);
	if (slot)
		act->lists[1] = lists;
	else
		act->lists[0] = lists;
	if (!act->undecided)
		act->listed |= slot ? 2 : 1;
	return lists;
}

/* Of the selectors in question those whose conditions are met that cost a look
 * at credentials or a path. */
static __always_inline __u64 bh_narrow(const struct bh_policy_set *set,
				       struct bh_act *act, __u64 selectors,
				       __u32 slot)
{
	__u32 id = slot ? act->place.candidate_set : act->place.active_set;

	if (selectors & ~set->any_user)
		selectors &= bh_select_user(set, act->task, &act->undecided);
	if (selectors & set->capabilities)
		selectors =
			bh_select(set, selectors, BH_ASKED_CAPABILITIES,
				  bh_capabilities(act->task, &act->undecided));
	if (selectors & set->targets)
		selectors =
			bh_select(set, selectors, BH_ASKED_TARGETS,
				  bh_match_path(set, id, act, act->target_mnt,
						act->target_dentry));
	if (selectors & set->executables)
		selectors = bh_select(set, selectors, BH_ASKED_EXECUTABLES,
				      bh_match_executable(set, id, act, slot));
	if (selectors & set->parents)
		selectors = bh_select(set, selectors, BH_ASKED_PARENTS,
				      bh_match_who(set, id, act, true));
	return selectors;
}

/* Judges by the set in force (slot 0) or the candidate (1). */
__noinline int bh_judge_slot(struct bh_act *act, __u32 slot)
{
	struct bh_policy_set *set;
	__u64 selectors;
	__u32 id;

	if (!act)
		return 0;
	id = slot ? act->place.candidate_set : act->place.active_set;
	if (!id)
		return 0;
	set = bpf_map_lookup_elem(&policy_sets, &id);
	if (!set) {
		bh_undecided(&act->undecided, policy_set_missing);
		return 0;
	}
	selectors = bh_preselect(set, act);
	if (selectors & (~set->any_user | set->capabilities | set->targets |
			 set->executables | set->parents))
		selectors = bh_narrow(set, act, selectors, slot);
	if (!selectors)
		return 0;
		/* Each operation on its own: what excludes one does not excuse
		 * the others. */
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < BH_OPERATIONS_COUNT; i++) {
		__u64 matched = selectors & set->operations[i];

		if (!(act->operations >> i & 1))
			continue;
		if (slot)
			bh_respond(set, matched, &act->candidate);
		else
			bh_respond(set, matched, &act->active);
	}
	return 0;
}

/* The caller has zeroed the act and filled in who does what. `compares` false:
 * it has been judged, and counted, by another hook. */
static __always_inline void bh_judge(struct bh_act *act, bool compares)
{
	if (act->operations & (BH_OPERATION_FORK | BH_OPERATION_EXEC |
			       BH_OPERATION_LOAD) &&
	    act->origin == BH_ORIGIN_UNDECIDED)
		bh_undecided(&act->undecided, origin_read_failed);
	bh_judge_slot(act, 0);
	if (act->place.candidate_set) {
		bh_judge_slot(act, 1);
		if (compares)
			bh_compare(act);
	}
}

#endif
