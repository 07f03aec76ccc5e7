/* SPDX-License-Identifier: Apache-2.0 */
/* The payload is renamed to the path of a program of the image. */
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	if (rename(DRIFTED, VICTIM))
		broken("rename");
	return attempt(run, VICTIM);
}
