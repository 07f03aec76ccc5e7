/* SPDX-License-Identifier: Apache-2.0 */
/* A link in a folder of the image that leads to a drifted file. */
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	if (symlink(DRIFTED, "/attack/alias"))
		broken("symlink");
	return attempt(run, "/attack/alias");
}
