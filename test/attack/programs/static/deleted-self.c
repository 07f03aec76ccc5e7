/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drifted program that ran before the policy was in force deletes its own
 * file and runs it again through /proc/self/exe.
 */
#include "technique.h"

static void run_again(const char *path)
{
	char *words[] = {(char *)path, "again", NULL};

	execv(path, words);
}

int main(int argc, char **argv)
{
	char *words[] = {DRIFTED, "drifted", NULL};
	char go;

	if (argc == 1) {
		copy_file("/proc/self/exe", DRIFTED);
		execv(DRIFTED, words);
		return broken(DRIFTED);
	}
	if (!strcmp(argv[1], "again")) {
		make_proof();
		return RAN;
	}
	if (unlink(DRIFTED))
		broken("unlink");
	ready();
	/* The policy comes into force. */
	if (read(STDIN_FILENO, &go, 1) != 1)
		broken("stdin");
	return attempt(run_again, "/proc/self/exe");
}
