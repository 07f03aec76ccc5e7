/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a rollout decides by: how the candidate of a container judged an act
 * beside the set in force.
 */
#ifndef BULKHEAD_COMPARE_H
#define BULKHEAD_COMPARE_H

static __noinline int bh_compare_one(const struct bh_place *place,
				     __u32 is_candidate, __u32 response,
				     bool active, bool candidate)
{
	struct bh_comparison_key key = {
		.container = place->container,
		.active_set = place->active_set,
		.candidate_set = place->candidate_set,
		.is_candidate = is_candidate,
		.response = response,
	};
	struct bh_comparison *counts, none = {};

	counts = bpf_map_lookup_elem(&comparisons, &key);
	if (!counts) {
		bpf_map_update_elem(&comparisons, &key, &none, BPF_NOEXIST);
		counts = bpf_map_lookup_elem(&comparisons, &key);
	}
	if (!counts) {
		bh_count(BH_COUNTER_comparisons_map_full);
		return 0;
	}
	if (active && candidate)
		__sync_fetch_and_add(&counts->both_deny, 1);
	else if (active)
		__sync_fetch_and_add(&counts->only_active_denies, 1);
	else if (candidate)
		__sync_fetch_and_add(&counts->only_candidate_denies, 1);
	else
		__sync_fetch_and_add(&counts->both_allow, 1);
	return 0;
}

struct bh_comparing {
	const struct bh_place *place;
	__u64 active;
	__u64 candidate;
};

static long bh_compare_response(__u32 i, struct bh_comparing *comparing)
{
	if (comparing->active >> (i & 63) & 1)
		bh_compare_one(comparing->place, 0, i, true,
			       comparing->candidate);
	if (comparing->candidate >> (i & 63) & 1)
		bh_compare_one(comparing->place, 1, i, comparing->active, true);
	return 0;
}

__noinline int bh_compare(const struct bh_act *act)
{
	struct bh_comparing comparing = {};

	if (!act)
		return 0;
	comparing.place = &act->place;
	comparing.active = act->active.denies;
	comparing.candidate = act->candidate.denies;

	bh_compare_one(&act->place, 0, BH_RESPONSES_MAX, comparing.active,
		       comparing.candidate);
	if (comparing.active | comparing.candidate)
		bpf_loop(BH_RESPONSES_MAX, bh_compare_response, &comparing, 0);
	return 0;
}

#endif
