/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the image gets the payload's bytes. */
#include "technique.h"

int main(void)
{
	copy_file(PAYLOAD, VICTIM);
	return attempt(run, VICTIM);
}
