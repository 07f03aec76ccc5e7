/* SPDX-License-Identifier: Apache-2.0 */
/* uring-open read|create|modify: IORING_OP_OPENAT below /etc/protected. */
#include "uring.h"

static void open_protected(const char *how)
{
	const char *path = PROTECTED "secret";
	int flags = O_RDONLY, fd;
	char first = 0;

	if (!strcmp(how, "create")) {
		path = PROTECTED "new";
		flags = O_CREAT | O_WRONLY;
	} else if (!strcmp(how, "modify")) {
		flags = O_WRONLY | O_TRUNC;
	}
	fd = do_operation(IORING_OP_OPENAT, path, NULL, 0644, flags);
	if (fd < 0)
		return;
	/* That it was read leaves no other trace. */
	if (flags == O_RDONLY && read(fd, &first, 1) == 1 && first == 's')
		make_proof();
	_exit(0);
}

int main(int argc, char **argv)
{
	return attempt(open_protected, argc > 1 ? argv[1] : "read");
}
