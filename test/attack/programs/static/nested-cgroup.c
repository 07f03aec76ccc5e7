/* SPDX-License-Identifier: Apache-2.0 */
/* From a cgroup that the container makes below its own (/cgroup). */
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	if (mkdir("/cgroup/nested", 0755))
		broken("/cgroup/nested");
	write_text("/cgroup/nested/cgroup.procs", "0", 0);
	return attempt(run, DRIFTED);
}
