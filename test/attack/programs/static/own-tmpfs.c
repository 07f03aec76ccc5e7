/* SPDX-License-Identifier: Apache-2.0 */
/* A tmpfs that the container mounts itself. */
#include <sys/mount.h>
#include "technique.h"

int main(void)
{
	if (mount("tmpfs", "/mnt", "tmpfs", 0, NULL))
		broken("mount");
	copy_file(PAYLOAD, "/mnt/drifted");
	return attempt(run, "/mnt/drifted");
}
