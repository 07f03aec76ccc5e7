/* SPDX-License-Identifier: Apache-2.0 */
/* The payload as a library: its proof comes before whoever loads it goes on. */
#include "../technique.h"

__attribute__((constructor)) static void loaded(void)
{
	make_proof();
}
