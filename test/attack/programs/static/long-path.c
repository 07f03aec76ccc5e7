/* SPDX-License-Identifier: Apache-2.0 */
/* Below a path of some 4000 bytes, which none of the tables can hold. */
#include "technique.h"

#define LEVELS 16
#define NAME_BYTES 249

int main(void)
{
	char name[NAME_BYTES + 1];

	memset(name, 'd', NAME_BYTES);
	name[NAME_BYTES] = '\0';
	if (chdir("/tmp"))
		broken("/tmp");
	for (int i = 0; i < LEVELS; i++) {
		if (mkdir(name, 0755) || chdir(name))
			broken("mkdir");
	}
	copy_file(PAYLOAD, "drifted");
	return attempt(run, "./drifted");
}
