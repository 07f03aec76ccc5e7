/* SPDX-License-Identifier: GPL-2.0 */
#ifndef BULKHEAD_POLICY_H
#define BULKHEAD_POLICY_H

struct bh_outcome {
	/* Indexes of the responses that fired. */
	__u64 fired;
	/* Their union: log, alert, block (observed or not). */
	__u32 actions;
	/* A response that blocks fired, and is not only observed. */
	__u32 blocks;
	/* A selector of this operation asks for the origin. */
	__u32 asks_origin;
};

/* What both slots of a container say about one act. */
struct bh_judgement {
	struct bh_outcome active;
	struct bh_outcome candidate;
	__u32 origin;
	/* BH_SESSION_... of the process. */
	__u32 session;
	__u32 undecided;
};

/* Without branches on data: fewer states for the verifier. */
__noinline int bh_evaluate(const struct bh_policy_set *set, __u32 operation,
			   __u32 origin, __u32 session,
			   struct bh_outcome *outcome)
{
	/* Undecided: a bit that only "no condition" has. */
	__u32 origin_bit = origin ? 1u << ((origin - 1) & 31) : 1u << 31;
	__u64 matched = 0, fired = 0;
	__u32 actions = 0, blocks = 0, asks = 0;

	if (!set || !outcome)
		return 0;

	for (__u32 i = 0; i < BH_SELECTORS_MAX; i++) {
		const struct bh_policy_selector *selector = &set->selectors[i];
		__u64 hit;

		if (i >= set->selector_count)
			break;
		hit = !!(selector->operations & operation);
		asks |= (__u32)hit & (selector->origins != ~0u);
		hit &= !!(selector->origins & origin_bit) &
		       !!(selector->sessions & session);
		matched |= hit << i;
	}
	for (__u32 i = 0; i < BH_RESPONSES_MAX; i++) {
		const struct bh_policy_response *response = &set->responses[i];
		__u32 mask, observed;
		__u64 hit;

		if (i >= set->response_count)
			break;
		hit = !!(matched & response->match) &
		      !(matched & response->exclude);
		mask = -(__u32)hit;
		fired |= hit << i;
		actions |= response->actions & mask;
		observed = -(__u32) !!(response->actions & BH_ACTION_OBSERVE);
		blocks |=
			response->actions & BH_ACTION_BLOCK & mask & ~observed;
	}
	outcome->fired = fired;
	outcome->actions =
		actions & (BH_ACTION_LOG | BH_ACTION_ALERT | BH_ACTION_BLOCK);
	outcome->blocks = blocks;
	outcome->asks_origin = asks;
	return 0;
}

static __always_inline void bh_judge_slot(__u32 id, __u32 operation,
					  struct bh_judgement *judgement,
					  struct bh_outcome *outcome)
{
	struct bh_policy_set *set;

	if (!id)
		return;
	set = bpf_map_lookup_elem(&policy_sets, &id);
	if (!set) {
		bh_undecided(&judgement->undecided, policy_set_missing);
		return;
	}
	bh_evaluate(set, operation, judgement->origin, judgement->session,
		    outcome);
}

/* The caller has zeroed the judgement and set its origin and session. */
static __always_inline void bh_judge(const struct bh_place *place,
				     __u32 operation,
				     struct bh_judgement *judgement)
{
	if (judgement->origin == BH_ORIGIN_UNDECIDED)
		bh_undecided(&judgement->undecided, origin_read_failed);
	bh_judge_slot(place->active_set, operation, judgement,
		      &judgement->active);
	bh_judge_slot(place->candidate_set, operation, judgement,
		      &judgement->candidate);
}

#endif
