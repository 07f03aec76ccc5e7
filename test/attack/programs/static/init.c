/* SPDX-License-Identifier: Apache-2.0 */
/* The container's first process becomes the payload. */
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	ready();
	run(DRIFTED);
	refused();
	return REFUSED;
}
