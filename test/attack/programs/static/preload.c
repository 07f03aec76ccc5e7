/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD of a drifted library into a program of the image. */
#include "loader.h"

int main(void)
{
	char *words[] = {"/attack/linked", NULL};
	char *environment[] = {"LD_PRELOAD=" DRIFTED, NULL};

	copy_file("/attack/payload.so", DRIFTED);
	return attempt_loading(words, environment);
}
