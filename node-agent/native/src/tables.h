// The pinned maps of one set of programs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "abi.h"
#include "unique_fd.h"

namespace bulkhead
{

class Tables
{
      public:
	// directory: a complete set of pins. SYSTEM
	explicit Tables(const std::string &directory);

	void watchCgroup(__u64 id);
	void unwatchCgroup(__u64 id);
	// MAP_FULL, SET_EXISTS
	void setPolicySet(__u32 id, const bh_policy_set &set);
	void deletePolicySet(__u32 id);
	std::vector<__u32> policySetIds() const;
	// MAP_FULL
	void setContainer(const bh_container &container,
			  const std::vector<__u64> &nested);
	void deleteContainer(__u64 id);
	std::vector<__u64> containerIds() const;
	void setUnknownSet(__u32 id);
	std::map<std::string, __u64> counters() const;
	bh_config config() const;
	int ring(const std::string &name) const;

      private:
	void claim(__u64 id, __u64 container, __u64 parent);
	void claimDescendants(__u64 container);
	__u64 sumOverCpus(int map, __u32 key) const;

	UniqueFd cgroups_, containers_, policySets_, config_, counters_,
		sequences_, alerts_, telemetry_, cgroupEvents_;
};

} // namespace bulkhead
