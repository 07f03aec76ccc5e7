#pragma once

#include <string>
#include <utility>
#include <vector>

namespace bulkhead
{

struct StructLayout {
	std::string name;
	size_t size;
	std::vector<std::pair<std::string, size_t>> members;
};

// Every struct of bpf/include/abi.h as this compiler lays it out.
std::vector<StructLayout> abiLayout();

} // namespace bulkhead
