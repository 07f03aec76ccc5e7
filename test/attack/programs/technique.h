/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the techniques share. A technique prints, a line each:
 *	absent REASON	this kernel does not have what it takes
 *	ready		all is set up, the forbidden act comes next
 *	errno N		the act was refused
 *	signal N	the process that did the act was ended by a signal
 *	exit N		it ended by itself
 *	note TEXT	for the reader
 * What fails before "ready" ends the program with 100 and the reason.
 */
#ifndef BULKHEAD_TECHNIQUE_H
#define BULKHEAD_TECHNIQUE_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the image. PAYLOAD makes PROOF, VICTIM does nothing. */
#define PAYLOAD "/attack/payload"
#define VICTIM "/attack/victim"
#define DRIFTED "/tmp/drifted"
#define PROOF "/proof/ran"

/* Exit codes: of PAYLOAD, of an exec that was refused. */
#define RAN 42
#define REFUSED 126

__attribute__((format(printf, 1, 2))) static inline void say(const char *format,
							     ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

static inline int broken(const char *what)
{
	perror(what);
	exit(100);
}

static inline void absent(const char *reason)
{
	say("absent %s", reason);
	exit(0);
}

static inline void ready(void)
{
	say("ready");
}

static inline void refused(void)
{
	say("errno %d", errno);
}

static inline void make_proof(void)
{
	int fd = open(PROOF, O_CREAT | O_WRONLY, 0644);

	if (fd >= 0)
		close(fd);
}

static inline void copy_into(int out, const char *from)
{
	int in = open(from, O_RDONLY);
	struct stat stat;

	if (in < 0 || out < 0 || fstat(in, &stat))
		broken(from);
	while (sendfile(out, in, NULL, stat.st_size) > 0)
		;
	close(in);
}

static inline void copy_file(const char *from, const char *to)
{
	int out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0755);

	copy_into(out, from);
	if (close(out))
		broken(to);
}

static inline void write_text(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, mode);
	ssize_t length = strlen(text);

	if (fd < 0 || write(fd, text, length) != length || close(fd))
		broken(path);
}

/* Returns only where it was refused. */
static inline void run(const char *path)
{
	char *words[] = {(char *)path, NULL};

	execv(path, words);
}

static inline void tell_end(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		broken("waitpid");
	if (WIFSIGNALED(status))
		say("signal %d", WTERMSIG(status));
	else
		say("exit %d", WEXITSTATUS(status));
}

/* Does the act in a child, and tells how that ended. */
static inline int attempt(void (*act)(const char *word), const char *word)
{
	pid_t child;

	ready();
	child = fork();
	if (child < 0)
		broken("fork");
	if (!child) {
		act(word);
		refused();
		_exit(REFUSED);
	}
	tell_end(child);
	return 0;
}

#endif
