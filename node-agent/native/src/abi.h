// The kernel side's contract, with the fixed-width types that it asks its
// includer for.
#pragma once

#include <linux/types.h>

#include "../../../bpf/include/abi.h"
