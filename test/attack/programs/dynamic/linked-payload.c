/* SPDX-License-Identifier: Apache-2.0 */
/* The payload as a program that needs a loader. */
#include "../technique.h"

int main(void)
{
	make_proof();
	return RAN;
}
