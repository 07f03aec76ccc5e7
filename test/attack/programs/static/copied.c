/* SPDX-License-Identifier: Apache-2.0 */
/* copied [FOLDER]: the payload is copied, to /tmp by default, and run. */
#include "technique.h"

int main(int argc, char **argv)
{
	char path[4096] = DRIFTED;

	if (argc > 1)
		snprintf(path, sizeof(path), "%s/drifted", argv[1]);
	copy_file(PAYLOAD, path);
	return attempt(run, path);
}
