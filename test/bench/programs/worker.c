/*
 * Does acts in a container and tells how long they took.
 * usage: worker MISSES HITS LONG_PROGRAM
 * MISSES and HITS: files with a path on each line. Reads lines "ACT COUNT" and
 * answers each with nanoseconds, of all acts together: time of the processor,
 * of this process and its children, so that others who want the processor do
 * not count.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATHS_MAX 4096
#define PROGRAM "/bin/nothing"
#define NAMES "/names"

struct paths {
	char *text[PATHS_MAX];
	int count;
	/* Whose turn it is. */
	int next;
};

static struct paths misses, hits;
static const char *long_program;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_paths(const char *file, struct paths *paths)
{
	char line[4096];
	FILE *in = fopen(file, "re");

	if (!in)
		die(file);
	while (paths->count < PATHS_MAX && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		paths->text[paths->count++] = strdup(line);
	}
	fclose(in);
	if (!paths->count)
		die(file);
}

static void open_each(struct paths *paths, int flags, long count)
{
	while (count--) {
		const char *path = paths->text[paths->next];
		int fd = open(path, flags);

		paths->next = (paths->next + 1) % paths->count;
		if (fd < 0)
			die(path);
		close(fd);
	}
}

static void wait_for(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child || status)
		die("child");
}

static void fork_only(long count)
{
	while (count--) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		wait_for(child);
	}
}

static void fork_and_exec(const char *program, long count)
{
	char *const words[] = {(char *)program, NULL};

	while (count--) {
		pid_t child = fork();

		if (!child) {
			execv(program, words);
			_exit(1);
		}
		wait_for(child);
	}
}

static void call(long count)
{
	while (count--)
		syscall(SYS_getppid);
}

static void check(int result, const char *what)
{
	if (result < 0)
		die(what);
}

static void map(int fd)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	if (at == MAP_FAILED)
		die("mmap");
	munmap(at, 4096);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED || mprotect(at, 4096, PROT_READ | PROT_EXEC))
		die("mprotect");
	munmap(at, 4096);
}

/* Every other hook once: names come and go, modes change, a file is mapped. */
static void change_names(long count)
{
	while (count--) {
		int fd = open(NAMES "/a", O_CREAT | O_EXCL | O_RDWR, 0644);

		check(fd, "create");
		check(ftruncate(fd, 4096), "ftruncate");
		check(chmod(NAMES "/a", 0755), "chmod");
		map(fd);
		close(fd);
		check(truncate(NAMES "/a", 0), "truncate");
		check(symlink("a", NAMES "/b"), "symlink");
		check(link(NAMES "/a", NAMES "/c"), "link");
		check(rename(NAMES "/c", NAMES "/d"), "rename");
		check(unlink(NAMES "/a"), "unlink");
		check(unlink(NAMES "/b"), "unlink");
		check(unlink(NAMES "/d"), "unlink");
		check(mkdir(NAMES "/e", 0755), "mkdir");
		check(rmdir(NAMES "/e"), "rmdir");
	}
}

static void act(const char *name, long count)
{
	if (!strcmp(name, "syscall"))
		call(count);
	else if (!strcmp(name, "open"))
		open_each(&misses, O_RDONLY, count);
	else if (!strcmp(name, "open-match"))
		open_each(&hits, O_RDONLY, count);
	else if (!strcmp(name, "write-open"))
		open_each(&misses, O_WRONLY, count);
	else if (!strcmp(name, "fork"))
		fork_only(count);
	else if (!strcmp(name, "exec"))
		fork_and_exec(PROGRAM, count);
	else if (!strcmp(name, "exec-long"))
		fork_and_exec(long_program, count);
	else if (!strcmp(name, "names"))
		change_names(count);
	else
		exit(2);
}

static long long processor_ns(void)
{
	struct timespec time;
	struct rusage children;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	getrusage(RUSAGE_CHILDREN, &children);
	return (time.tv_sec + children.ru_utime.tv_sec +
		children.ru_stime.tv_sec) *
		       1000000000ll +
	       (children.ru_utime.tv_usec + children.ru_stime.tv_usec) *
		       1000ll +
	       time.tv_nsec;
}

/* What reads the rings runs on another processor, as long as there is one. */
static void stay_on_last_processor(void)
{
	cpu_set_t processors;

	CPU_ZERO(&processors);
	CPU_SET(sysconf(_SC_NPROCESSORS_ONLN) - 1, &processors);
	if (sched_setaffinity(0, sizeof(processors), &processors))
		die("sched_setaffinity");
}

int main(int argc, char **argv)
{
	char name[32];
	long count;

	if (argc != 4)
		return 2;
	stay_on_last_processor();
	read_paths(argv[1], &misses);
	read_paths(argv[2], &hits);
	long_program = argv[3];
	while (scanf("%31s %ld", name, &count) == 2) {
		long long start;

		/* What came before has left its own in the caches. */
		act(name, count / 4);
		start = processor_ns();
		act(name, count);
		printf("%lld\n", processor_ns() - start);
		fflush(stdout);
	}
	return 0;
}
