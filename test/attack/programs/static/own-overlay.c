/* SPDX-License-Identifier: Apache-2.0 */
/* An overlay of the container's own, in which a drifted file is "lower". */
#include <sys/mount.h>
#include "technique.h"

int main(void)
{
	if (mkdir("/tmp/lower", 0755))
		broken("mkdir");
	copy_file(PAYLOAD, "/tmp/lower/drifted");
	if (mount("overlay", "/mnt", "overlay", 0,
		  "lowerdir=/tmp/lower:/empty"))
		broken("mount");
	return attempt(run, "/mnt/drifted");
}
