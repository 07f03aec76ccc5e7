/* SPDX-License-Identifier: Apache-2.0 */
/* IORING_OP_UNLINKAT below /etc/protected. */
#include "uring.h"

static void unlink_protected(const char *path)
{
	if (do_operation(IORING_OP_UNLINKAT, path, NULL, 0, 0) >= 0)
		_exit(0);
}

int main(void)
{
	return attempt(unlink_protected, PROTECTED "secret");
}
