/* SPDX-License-Identifier: Apache-2.0 */
/* For techniques that leave the loading to ld.so, and listen to what it says.
 */
#ifndef BULKHEAD_LOADER_H
#define BULKHEAD_LOADER_H

#include "technique.h"

/* Runs the words; a mapping that was refused is told as the errno it had. */
static inline int attempt_loading(char **words, char **environment)
{
	char said[4096];
	size_t length = 0;
	ssize_t count;
	int pipes[2];
	pid_t child;

	if (pipe(pipes))
		broken("pipe");
	ready();
	child = fork();
	if (child < 0)
		broken("fork");
	if (!child) {
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		execve(words[0], words, environment);
		_exit(127);
	}
	close(pipes[1]);
	while ((count = read(pipes[0], said + length,
			     sizeof(said) - 1 - length)) > 0)
		length += count;
	said[length] = '\0';
	fputs(said, stderr);
	if (strstr(said, "failed to map segment from shared object"))
		say("errno %d", EPERM);
	tell_end(child);
	return 0;
}

#endif
