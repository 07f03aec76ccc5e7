/* SPDX-License-Identifier: Apache-2.0 */
/* Written through an old descriptor, and only then made executable. */
#include "technique.h"

int main(void)
{
	int out = open(DRIFTED, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	if (rename(DRIFTED, "/tmp/data"))
		broken("rename");
	copy_into(out, PAYLOAD);
	close(out);
	if (chmod("/tmp/data", 0755))
		broken("chmod");
	return attempt(run, "/tmp/data");
}
