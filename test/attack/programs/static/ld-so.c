/* SPDX-License-Identifier: Apache-2.0 */
/* The loader of the image runs a drifted program. */
#include "loader.h"

int main(void)
{
	char *words[] = {"/attack/loader", DRIFTED, NULL};

	copy_file("/attack/linked-payload", DRIFTED);
	/* It is only read: no execute bit. */
	if (chmod(DRIFTED, 0644))
		broken("chmod");
	return attempt_loading(words, environ);
}
