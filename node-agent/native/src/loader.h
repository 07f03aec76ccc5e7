// Loads the chosen programs, attaches them, and pins maps and links.
#pragma once

#include <string>
#include <vector>

#include "hooks.h"

namespace bulkhead
{

// directory exists, empty, on a bpffs. On an error the pins made so far stay
// for the caller to remove. LOAD_FAILED, ATTACH_FAILED, SYSTEM
void loadAndPin(const std::string &objectPath, const HookPlan &plan,
		const std::vector<unsigned int> &hostNamespaces,
		const std::string &directory);

// Attaches a program that loadAndPin() has left waiting. ATTACH_FAILED, SYSTEM
void attachWaiting(const std::string &directory, const std::string &name);

} // namespace bulkhead
