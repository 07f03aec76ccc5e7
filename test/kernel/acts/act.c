/*
 * What the container does; one act each, told by the first argument. Built
 * without libc's help where it matters: "mark" makes its file before anything.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dispatch.h"

static int die(const char *what)
{
	perror(what);
	exit(100);
}

/* mark FILE: the proof that this program ran. */
static int mark(char **words)
{
	return open(words[0], O_CREAT | O_WRONLY, 0644) < 0 ? die(words[0]) : 0;
}

static int copy(const char *from, int out)
{
	int in = open(from, O_RDONLY);
	struct stat stat;

	if (in < 0 || out < 0 || fstat(in, &stat))
		return die(from);
	while (sendfile(out, in, NULL, stat.st_size) > 0)
		;
	close(in);
	return 0;
}

/* copy FROM TO */
static int copy_file(char **words)
{
	int out = open(words[1], O_CREAT | O_WRONLY | O_TRUNC, 0755);

	copy(words[0], out);
	return close(out);
}

static int act_of(char **words);

static int run(char **words)
{
	execv(words[0], words);
	perror(words[0]);
	return 126;
}

/* interpret SCRIPT ACT ...: a script that begins "#!/bin/act interpret" */
static int interpret(char **words)
{
	return act_of(words + 1);
}

/* closing COUNT PROGRAM [ARG ...]: with as many files that exec closes */
static int closing(char **words)
{
	for (int i = atoi(words[0]); i > 0; i--)
		if (open("/etc/config", O_RDONLY | O_CLOEXEC) < 0)
			return die("/etc/config");
	return run(words + 1);
}

/* memory PROGRAM [ARG ...]: runs it from a memfd */
static int memory(char **words)
{
	int out = memfd_create("act", 0);

	copy(words[0], out);
	fexecve(out, words, environ);
	perror("fexecve");
	return 126;
}

/* touch PROGRAM: opens it for writing, which copies it up */
static int copy_up(char **words)
{
	return open(words[0], O_WRONLY | O_APPEND) < 0 ? die(words[0]) : 0;
}

/* overlay LOWER PROGRAM ...: an overlay of the container's own over LOWER */
static int overlay(char **words)
{
	char options[4096];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return die("unshare");
	snprintf(options, sizeof(options), "lowerdir=%s:/empty", words[0]);
	if (mount("overlay", "/mnt", "overlay", 0, options))
		return die("mount");
	return run(words + 1);
}

/* tmpfs PROGRAM ...: copies it into a tmpfs of its own and runs it there */
static int tmpfs(char **words)
{
	char *copied[] = {words[0], "/mnt/copy"};

	if (mount("tmpfs", "/mnt", "tmpfs", 0, NULL))
		return die("mount");
	copy_file(copied);
	words[0] = "/mnt/copy";
	return run(words);
}

/* thread PROGRAM ...: runs it from a thread that is not the leader */
static void *run_in_thread(void *words)
{
	exit(run(words));
}

static int thread(char **words)
{
	pthread_t id;

	if (pthread_create(&id, NULL, run_in_thread, words))
		return die("pthread_create");
	pause();
	return 0;
}

/* back PROGRAM ...: goes back to the host's mount namespace, and runs it */
static int back(char **words)
{
	if (setns(9, CLONE_NEWNS))
		return die("setns");
	return memory(words);
}

/* In a child; 1: it was stopped */
static int is_stopped(char **words)
{
	pid_t child = fork();
	int status;

	if (!child) {
		execv(words[0], words);
		_exit(126);
	}
	if (waitpid(child, &status, 0) != child)
		return die("waitpid");
	return WIFSIGNALED(status) || WEXITSTATUS(status) == 126;
}

/* many COUNT PROGRAM ...: runs it that often; tells how often it was stopped */
static int many(char **words)
{
	int count = atoi(words[0]), stopped = 0;

	for (int i = 0; i < count; i++)
		stopped += is_stopped(words + 1);
	printf("stopped %d\n", stopped);
	return 0;
}

/* until FILE PROGRAM ...: runs it again and again until the file exists */
static int until(char **words)
{
	int count = 0, stopped = 0;

	for (; access(words[0], F_OK); count++)
		stopped += is_stopped(words + 1);
	printf("stopped %d of %d\n", stopped, count);
	return 0;
}

/* as REAL EFFECTIVE DIRECTORY PROGRAM ...: runs it with these ids, there */
static int run_as(char **words)
{
	int real = atoi(words[0]), effective = atoi(words[1]);

	if (chmod(words[2], 01777) || chdir(words[2]))
		return die(words[2]);
	if (setresgid(real, effective, effective) ||
	    setresuid(real, effective, effective))
		return die("setresuid");
	return run(words + 3);
}

/* terminal PROGRAM ...: runs it in a session that has a controlling terminal */
static int run_in_terminal(char **words)
{
	int master, terminal;

	if (mount("devpts", "/mnt", "devpts", 0, "ptmxmode=0666"))
		return die("mount");
	master = open("/mnt/ptmx", O_RDWR | O_NOCTTY);
	if (master < 0 || unlockpt(master))
		return die("/mnt/ptmx");
	terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	if (terminal < 0 || setsid() < 0 || ioctl(terminal, TIOCSCTTY, 0))
		return die("TIOCSCTTY");
	return run(words);
}

static int terminal(char **words)
{
	pid_t child = fork();
	int status;

	if (!child)
		exit(run_in_terminal(words));
	if (waitpid(child, &status, 0) != child)
		return die("waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static const struct act acts[] = {
	{"mark", mark},           {"copy", copy_file},    {"run", run},
	{"memory", memory},       {"copy-up", copy_up},   {"overlay", overlay},
	{"tmpfs", tmpfs},         {"thread", thread},     {"back", back},
	{"many", many},           {"terminal", terminal}, {"as", run_as},
	{"interpret", interpret}, {"closing", closing},   {"until", until},
};

static int act_of(char **words)
{
	return carry_out(acts, sizeof(acts) / sizeof(*acts), words);
}

int main(int argc, char **argv)
{
	return argc > 1 ? act_of(argv + 1) : 100;
}
