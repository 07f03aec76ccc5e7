// What the agent told about containers and responses, as encoded messages:
// written by JavaScript's thread, read by the reader. What is forgotten stays
// until the reader has passed everything that the rings held at that time.
#pragma once

#include <linux/types.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace bulkhead
{

using Encoded = std::shared_ptr<const std::string>;

struct RingPositions {
	__u64 alerts;
	__u64 telemetry;
};

class Facts
{
      public:
	void setResponses(__u32 set, std::vector<Encoded> responses);
	void forgetResponses(__u32 set, RingPositions produced);
	void setContainer(__u64 container, Encoded facts);
	void forgetContainer(__u64 container, RingPositions produced);
	// Drops what was forgotten before these positions.
	void passed(RingPositions read);

	// nullptr: not known.
	Encoded response(__u32 set, unsigned int index) const;
	Encoded container(__u64 container) const;

      private:
	template <typename Value> struct Entry {
		Value value;
		std::optional<RingPositions> forgottenAt;
	};

	mutable std::mutex mutex_;
	std::unordered_map<__u32, Entry<std::vector<Encoded>>> sets_;
	std::unordered_map<__u64, Entry<Encoded>> containers_;
};

} // namespace bulkhead
