// The pinned maps of one set of programs.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "abi.h"
#include "unique_fd.h"

namespace bulkhead
{

// What a candidate would do otherwise, of one response or of all acts.
struct Comparison {
	bh_comparison_key key;
	bh_comparison counts;
};

class Tables
{
      public:
	// directory: a complete set of pins. SYSTEM
	explicit Tables(const std::string &directory);

	void watchCgroup(__u64 id);
	void unwatchCgroup(__u64 id);
	// automaton: empty: none. MAP_FULL, SET_EXISTS, INVALID_ARGUMENT
	void setPolicySet(__u32 id, bh_policy_set set,
			  std::string_view automaton);
	void deletePolicySet(__u32 id);
	std::vector<__u32> policySetIds() const;
	// MAP_FULL
	void setContainer(const bh_container &container,
			  const std::vector<__u64> &nested);
	void deleteContainer(__u64 id);
	std::vector<__u64> containerIds() const;
	void setUnknownSet(__u32 id);
	std::map<std::string, __u64> counters() const;
	std::vector<Comparison> comparisons() const;
	bh_config config() const;
	int ring(const std::string &name) const;

      private:
	void setAutomaton(__u32 id, __u32 number, std::string_view automaton);
	void claim(__u64 id, __u64 container, __u64 parent);
	void claimDescendants(__u64 container);
	void
	removeComparisons(const std::function<bool(const bh_comparison_key &)>
				  &isRemoved);
	__u64 sumOverCpus(int map, __u32 key) const;

	UniqueFd cgroups_, containers_, policySets_, config_, counters_,
		sequences_, alerts_, telemetry_, cgroupEvents_, comparisons_;
	// By enum bh_automaton_class.
	std::vector<UniqueFd> automatons_;
};

} // namespace bulkhead
