/* SPDX-License-Identifier: Apache-2.0 */
/* What every technique smuggles in: its proof comes before anything else. */
#include "technique.h"

int main(void)
{
	make_proof();
	return RAN;
}
