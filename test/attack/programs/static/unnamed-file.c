/* SPDX-License-Identifier: Apache-2.0 */
/* unnamed-file FOLDER: O_TMPFILE, run through /proc/self/fd. */
#include "technique.h"

int main(int argc, char **argv)
{
	int out = open(argc > 1 ? argv[1] : "/tmp", O_TMPFILE | O_RDWR, 0755);
	char path[64];
	int fd;

	if (out < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		absent("O_TMPFILE on overlayfs came with 6.1");
	copy_into(out, PAYLOAD);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", out);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		broken(path);
	/* Nobody may have it open for writing. */
	close(out);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return attempt(run, path);
}
