/* SPDX-License-Identifier: Apache-2.0 */
/* For techniques that do their act many times over: vfork and exec, counted. */
#ifndef BULKHEAD_REPEAT_H
#define BULKHEAD_REPEAT_H

#include <signal.h>
#include <time.h>
#include "technique.h"

struct ends {
	unsigned long ran, refused, killed, other;
};

static inline void run_once(const char *path, struct ends *ends)
{
	char *words[] = {(char *)path, NULL};
	pid_t child = vfork();
	int status;

	if (child < 0)
		broken("vfork");
	if (!child) {
		execv(path, words);
		_exit(errno == EPERM || errno == EACCES ? REFUSED : 127);
	}
	if (waitpid(child, &status, 0) != child)
		broken("waitpid");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		ends->killed++;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == REFUSED)
		ends->refused++;
	else if (WIFEXITED(status) && WEXITSTATUS(status) == RAN)
		ends->ran++;
	else
		ends->other++;
}

/* Tells of all as of one: that it ran once is what counts. */
static inline void tell_ends(const struct ends *ends)
{
	if (ends->ran)
		say("exit %d", RAN);
	else if (ends->killed)
		say("signal %d", SIGKILL);
	else if (ends->refused)
		say("errno %d", EPERM);
	else
		say("exit 0");
}

static inline double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

#endif
