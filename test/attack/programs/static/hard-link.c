/* SPDX-License-Identifier: Apache-2.0 */
/* A second name for a drifted file, in a folder of the image. */
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	if (link(DRIFTED, "/attack/alias"))
		broken("link");
	return attempt(run, "/attack/alias");
}
