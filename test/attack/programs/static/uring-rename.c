/* SPDX-License-Identifier: Apache-2.0 */
/* uring-rename FROM TO: IORING_OP_RENAMEAT. */
#include "uring.h"

static const char *target;

static void rename_protected(const char *path)
{
	if (do_operation(IORING_OP_RENAMEAT, path, target, AT_FDCWD, 0) >= 0)
		_exit(0);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 100;
	write_text("/tmp/data", "drifted\n", 0644);
	target = argv[2];
	return attempt(rename_protected, argv[1]);
}
