/* SPDX-License-Identifier: Apache-2.0 */
/* A drifted script, which a shell of the image would run. */
#include "technique.h"

int main(void)
{
	write_text(DRIFTED, "#!/bin/sh\n: > " PROOF "\nexit 42\n", 0755);
	return attempt(run, DRIFTED);
}
