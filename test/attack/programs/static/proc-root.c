/* SPDX-License-Identifier: Apache-2.0 */
/* By a path through another process's root. */
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	return attempt(run, "/proc/1/root" DRIFTED);
}
