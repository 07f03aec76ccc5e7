/* SPDX-License-Identifier: Apache-2.0 */
/* IORING_OP_LINKAT: a drifted file gets a name below /etc/protected. */
#include "uring.h"

static void link_protected(const char *path)
{
	if (do_operation(IORING_OP_LINKAT, path, PROTECTED "new", AT_FDCWD,
			 0) >= 0)
		_exit(0);
}

int main(void)
{
	write_text("/tmp/data", "drifted\n", 0644);
	return attempt(link_protected, "/tmp/data");
}
