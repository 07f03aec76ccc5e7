/* SPDX-License-Identifier: Apache-2.0 */
/* A drifted file is mounted over a program of the image. */
#include <sys/mount.h>
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	if (mount(DRIFTED, VICTIM, NULL, MS_BIND, NULL))
		broken("mount");
	return attempt(run, VICTIM);
}
