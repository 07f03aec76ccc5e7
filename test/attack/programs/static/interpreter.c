/* SPDX-License-Identifier: Apache-2.0 */
/* A script of the image (image/interpreted) whose interpreter is drifted. */
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	return attempt(run, "/attack/interpreted");
}
