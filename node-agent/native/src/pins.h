// The pin directory on bpffs: <directory>/v_<object version>_<exec
// backend>/{map_*,link_*}. A set of pins is written as n_... and renamed when
// it is complete.
#pragma once

#include <linux/types.h>

#include <string>
#include <vector>

#include "unique_fd.h"

namespace bulkhead
{

class PinDirectory
{
      public:
	// Makes the directory if it is not there, and locks it: one engine at a
	// time. NOT_BPFFS, BUSY, SYSTEM
	explicit PinDirectory(const std::string &path);

	std::string pinPath(const std::string &name) const;
	// Complete sets.
	std::vector<std::string> sets() const;
	// Names of the programs that a set holds the links of, and of those
	// that it holds without having attached them.
	std::vector<std::string> attached(const std::string &set) const;
	std::vector<std::string> waiting(const std::string &set) const;
	// How often the kernel skipped a program of the set that would have run
	// within itself.
	__u64 recursionMissed(const std::string &set) const;
	std::string begin(const std::string &set);
	void complete(const std::string &set);
	void removeSet(const std::string &set);
	// What a killed process left half-made.
	void removeIncomplete();
	// Every set and the directory; what they enforced has ended. Answers
	// whether there was one. SYSTEM: another process holds the programs.
	bool removeAll();

	static std::string setName(const std::string &version,
				   const std::string &backend);
	static std::string backendOf(const std::string &set);

      private:
	std::string path_;
	UniqueFd lock_;
};

} // namespace bulkhead
