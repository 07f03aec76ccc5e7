/*
 * What is done to files; one act each, told by the first argument. Exits with
 * 0, or 126 where the act was not permitted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dispatch.h"

static int told(long result, const char *what)
{
	if (result >= 0)
		return 0;
	perror(what);
	return errno == EPERM ? 126 : 100;
}

static int open_with(const char *path, int flags, const char *mode)
{
	return told(open(path, flags, strtol(mode, NULL, 8)), path);
}

static int open_file(char **words)
{
	return open_with(words[0], O_RDONLY, "0");
}

static int write_file(char **words)
{
	return open_with(words[0], O_WRONLY, "0");
}

/* create PATH MODE */
static int create(char **words)
{
	return open_with(words[0], O_WRONLY | O_CREAT, words[1]);
}

/* again PATH COUNT: reads it that often */
static int again(char **words)
{
	for (int i = atoi(words[1]); i > 0; i--) {
		int fd = open(words[0], O_RDONLY);

		if (fd < 0)
			return told(-1, words[0]);
		close(fd);
	}
	return 0;
}

static int delete (char **words)
{
	return told(unlink(words[0]), words[0]);
}

static int delete_directory(char **words)
{
	return told(rmdir(words[0]), words[0]);
}

static int rename_file(char **words)
{
	return told(rename(words[0], words[1]), words[0]);
}

static int exchange(char **words)
{
	return told(renameat2(AT_FDCWD, words[0], AT_FDCWD, words[1],
			      RENAME_EXCHANGE),
		    words[0]);
}

static int link_file(char **words)
{
	return told(link(words[0], words[1]), words[1]);
}

static int symlink_file(char **words)
{
	return told(symlink(words[0], words[1]), words[1]);
}

static int make_fifo(char **words)
{
	return told(mkfifo(words[0], 0600), words[0]);
}

/* node PATH: a regular file, without open() */
static int make_node(char **words)
{
	return told(mknod(words[0], S_IFREG | 0644, 0), words[0]);
}

/* tmpfile DIRECTORY PATH: made without a name, then given one */
static int name_tmpfile(char **words)
{
	int fd = open(words[0], O_TMPFILE | O_RDWR, 0755);
	char path[64];

	if (fd < 0)
		return told(-1, words[0]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return told(linkat(fd, "", AT_FDCWD, words[1], AT_EMPTY_PATH),
		    words[1]);
}

static int cut(char **words)
{
	return told(truncate(words[0], 0), words[0]);
}

/* mode PATH MODE */
static int change_mode(char **words)
{
	return told(chmod(words[0], strtol(words[1], NULL, 8)), words[0]);
}

/* mode-memory NAME: gives a memfd its first execute bit */
static int change_memory_mode(char **words)
{
	int fd = memfd_create(words[0], 0);

	if (fchmod(fd, 0600))
		return told(-1, "fchmod");
	return told(fchmod(fd, 0700), words[0]);
}

static void *map(const char *path, int protection)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return MAP_FAILED;
	return mmap(NULL, 4096, protection, MAP_PRIVATE, fd, 0);
}

/* load PATH */
static int load(char **words)
{
	return told(map(words[0], PROT_READ | PROT_EXEC) == MAP_FAILED ? -1 : 0,
		    words[0]);
}

/* protect PATH: mapped readable, then executable */
static int protect(char **words)
{
	void *at = map(words[0], PROT_READ);

	if (at == MAP_FAILED)
		return told(-1, words[0]);
	return told(mprotect(at, 4096, PROT_READ | PROT_EXEC), words[0]);
}

/* protect-beside PATH: with what lies before it, that is nobody's file */
static int protect_beside(char **words)
{
	char *at =
		mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open(words[0], O_RDONLY);

	if (at == MAP_FAILED || fd < 0 ||
	    mmap(at + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
		    MAP_FAILED)
		return told(-1, words[0]);
	return told(mprotect(at, 8192, PROT_READ | PROT_EXEC), words[0]);
}

/* protect-key PATH: by the newer call */
static int protect_key(char **words)
{
	void *at = map(words[0], PROT_READ);

	if (at == MAP_FAILED)
		return told(-1, words[0]);
	return told(
		syscall(SYS_pkey_mprotect, at, 4096, PROT_READ | PROT_EXEC, -1),
		words[0]);
}

/* anonymous: what a compiler at run time does; nobody's file is loaded */
static int anonymous(char **words)
{
	const int flags[] = {MAP_PRIVATE | MAP_ANONYMOUS,
			     MAP_SHARED | MAP_ANONYMOUS};

	(void)words;
	for (int i = 0; i < 2; i++) {
		void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags[i],
				-1, 0);

		if (at == MAP_FAILED ||
		    mprotect(at, 4096, PROT_READ | PROT_EXEC))
			return told(-1, "anonymous");
	}
	return 0;
}

/* One request to io_uring, without liburing; its result. */
static long submit(struct io_uring_sqe request)
{
	struct io_uring_params made = {};
	int fd = syscall(SYS_io_uring_setup, 1, &made);
	unsigned int *tail, *indexes;
	struct io_uring_sqe *requests;
	struct io_uring_cqe *answers;
	char *ring;

	if (fd < 0)
		return -1;
	ring = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    IORING_OFF_SQ_RING);
	requests = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			IORING_OFF_SQES);
	if (ring == MAP_FAILED || requests == MAP_FAILED)
		return -1;
	*requests = request;
	tail = (unsigned int *)(ring + made.sq_off.tail);
	indexes = (unsigned int *)(ring + made.sq_off.array);
	indexes[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL,
		    0) < 0)
		return -1;
	answers = (struct io_uring_cqe *)(ring + made.cq_off.cqes);
	errno = answers->res < 0 ? -answers->res : 0;
	return answers->res;
}

/* ring open|create|unlink PATH, ring rename|link FROM TO; ring-worker: the
 * same by a thread of the kernel's */
static int ring_with(char **words, int flags)
{
	struct io_uring_sqe request = {.fd = AT_FDCWD, .flags = flags};

	request.addr = (uintptr_t)words[1];
	if (!strcmp(words[0], "open")) {
		request.opcode = IORING_OP_OPENAT;
	} else if (!strcmp(words[0], "create")) {
		request.opcode = IORING_OP_OPENAT;
		request.open_flags = O_CREAT | O_WRONLY;
		request.len = 0644;
	} else if (!strcmp(words[0], "unlink")) {
		request.opcode = IORING_OP_UNLINKAT;
	} else {
		request.opcode = !strcmp(words[0], "rename")
					 ? IORING_OP_RENAMEAT
					 : IORING_OP_LINKAT;
		request.len = (unsigned int)AT_FDCWD;
		request.addr2 = (uintptr_t)words[2];
	}
	return told(submit(request), words[1]);
}

static int ring(char **words)
{
	return ring_with(words, 0);
}

static int ring_worker(char **words)
{
	return ring_with(words, IOSQE_ASYNC);
}

/* volume FILE DIRECTORY: a tmpfs on the directory, and one file of it on the
 * file; reads both */
static int volume(char **words)
{
	char inside[4096];
	int fd;

	if (mount("tmpfs", words[1], "tmpfs", 0, NULL))
		return told(-1, words[1]);
	snprintf(inside, sizeof(inside), "%s/inside", words[1]);
	fd = open(inside, O_CREAT | O_WRONLY, 0644);
	if (fd < 0 || close(fd) || mount(inside, words[0], NULL, MS_BIND, NULL))
		return told(-1, inside);
	if (open(inside, O_RDONLY) < 0 || open(words[0], O_RDONLY) < 0)
		return told(-1, inside);
	return 0;
}

static const struct act acts[] = {
	{"open", open_file},
	{"write", write_file},
	{"create", create},
	{"again", again},
	{"delete", delete},
	{"delete-directory", delete_directory},
	{"rename", rename_file},
	{"exchange", exchange},
	{"link", link_file},
	{"symlink", symlink_file},
	{"fifo", make_fifo},
	{"node", make_node},
	{"tmpfile", name_tmpfile},
	{"truncate", cut},
	{"mode", change_mode},
	{"mode-memory", change_memory_mode},
	{"load", load},
	{"protect", protect},
	{"protect-beside", protect_beside},
	{"protect-key", protect_key},
	{"anonymous", anonymous},
	{"volume", volume},
	{"ring", ring},
	{"ring-worker", ring_worker},
};

static int act_of(char **words)
{
	return carry_out(acts, sizeof(acts) / sizeof(*acts), words);
}

/* forked FILE ACT ...: in a child, once the file exists */
static int forked(char **words)
{
	int status;
	pid_t child;

	while (access(words[0], F_OK))
		usleep(1000);
	child = fork();
	if (!child)
		exit(act_of(words + 1));
	if (waitpid(child, &status, 0) != child)
		return told(-1, "waitpid");
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "forked"))
		return forked(argv + 2);
	return argc > 1 ? act_of(argv + 1) : 100;
}
