// The part of the protobuf wire format that event.proto needs. As in proto3, a
// scalar that is zero is left out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead
{

class MessageWriter
{
      public:
	void number(uint32_t field, uint64_t value)
	{
		if (!value)
			return;
		varint(field << 3);
		varint(value);
	}

	// Also when it is empty: an element of a repeated field.
	void bytes(uint32_t field, std::string_view value)
	{
		varint(field << 3 | 2);
		varint(value.size());
		out_.append(value);
	}

	void packed(uint32_t field, const std::vector<uint32_t> &values)
	{
		if (values.empty())
			return;
		MessageWriter list;
		for (uint32_t value : values)
			list.varint(value);
		bytes(field, list.out_);
	}

	void append(std::string_view encoded)
	{
		out_.append(encoded);
	}

	void clear()
	{
		out_.clear();
	}

	const std::string &encoded() const
	{
		return out_;
	}

	size_t size() const
	{
		return out_.size();
	}

      private:
	void varint(uint64_t value)
	{
		while (value >= 0x80) {
			out_.push_back(static_cast<char>(value | 0x80));
			value >>= 7;
		}
		out_.push_back(static_cast<char>(value));
	}

	std::string out_;
};

} // namespace bulkhead
