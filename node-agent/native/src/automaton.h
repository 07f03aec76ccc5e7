// The form of an automaton, for C++.
#pragma once

#include "abi.h"

#include "../../../bpf/include/automaton.h"
