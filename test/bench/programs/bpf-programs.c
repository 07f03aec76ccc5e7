/*
 * What the kernel knows of pinned programs, and takes them away and back: in
 * less than a millisecond, where an engine takes a fifth of a second. bpftool
 * does not tell verified_insns.
 * usage: bpf-programs FOLDER
 * FOLDER: of the pins link_NAME and prog_NAME. Reads lines and answers each:
 *	list		a line for each: NAME, runs, nanoseconds, instructions
 *			that the verifier processed
 *	detach NAME	nothing; a program that is not attached is passed over
 *	attach NAME	nothing; as above
 *	settle		nothing, once the kernel has taken off what was
 *			detached, which is some milliseconds later
 *	loaded PREFIX	how many programs of any process are called so
 *	statistics	nothing; until its end the kernel times programs
 * An answer ends with an empty line.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROGRAMS_MAX 64

struct program {
	const char *name;
	int fd;
};

static struct program programs[PROGRAMS_MAX];
static int program_count;
static const char *folder;

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static const char *path_of(const char *kind, const char *name)
{
	static char path[8192];

	snprintf(path, sizeof(path), "%s/%s%s", folder, kind, name);
	return path;
}

static int info_of(int fd, void *info, unsigned int size)
{
	union bpf_attr attr = {
		.info = {.bpf_fd = fd, .info_len = size, .info = (long)info}};

	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr);
}

static int open_program(unsigned int id)
{
	union bpf_attr attr = {.prog_id = id};

	return bpf(BPF_PROG_GET_FD_BY_ID, &attr);
}

static int open_pin(const char *path)
{
	union bpf_attr attr = {.pathname = (long)path};

	return bpf(BPF_OBJ_GET, &attr);
}

static void tell(const char *name, int fd)
{
	struct bpf_prog_info info = {};

	if (info_of(fd, &info, sizeof(info)))
		die(name);
	printf("%s %llu %llu %u\n", name, info.run_cnt, info.run_time_ns,
	       info.verified_insns);
}

static int linked_program(int link, const char *name)
{
	struct bpf_link_info info = {};

	if (info_of(link, &info, sizeof(info)))
		die(name);
	return open_program(info.prog_id);
}

static void add_program(const char *name, int fd)
{
	for (int i = 0; i < program_count; i++) {
		if (!strcmp(programs[i].name, name)) {
			close(fd);
			return;
		}
	}
	if (fd < 0 || program_count == PROGRAMS_MAX)
		die(name);
	programs[program_count].name = strdup(name);
	programs[program_count++].fd = fd;
}

/* Programs may be pinned beside their link, or wait without one. */
static void find_pinned(void)
{
	struct dirent *entry;
	DIR *all = opendir(folder);

	if (!all)
		die(folder);
	while ((entry = readdir(all))) {
		const char *name = entry->d_name + 5;
		int is_link = !strncmp(entry->d_name, "link_", 5);
		int pin;

		if (!is_link && strncmp(entry->d_name, "prog_", 5))
			continue;
		pin = open_pin(path_of(entry->d_name, ""));
		if (pin < 0)
			die(entry->d_name);
		add_program(name,
			    is_link ? linked_program(pin, name) : dup(pin));
		close(pin);
	}
	closedir(all);
}

static unsigned int detached[PROGRAMS_MAX];
static int detached_count;

static void detach(const char *name)
{
	struct bpf_link_info info = {};
	int link = open_pin(path_of("link_", name));

	if (link < 0 && errno == ENOENT)
		return;
	if (link < 0 || info_of(link, &info, sizeof(info)) ||
	    detached_count == PROGRAMS_MAX || unlink(path_of("link_", name)))
		die(name);
	close(link);
	detached[detached_count++] = info.id;
}

static void settle(void)
{
	while (detached_count) {
		union bpf_attr attr = {.link_id = detached[detached_count - 1]};
		int link = bpf(BPF_LINK_GET_FD_BY_ID, &attr);

		if (link >= 0) {
			close(link);
			usleep(200);
			continue;
		}
		/* Its number goes a moment before it is taken off. */
		if (!--detached_count)
			usleep(1000);
	}
}

static void attach(const char *name)
{
	const char *path = path_of("link_", name);

	if (!access(path, F_OK))
		return;
	for (int i = 0; i < program_count; i++) {
		union bpf_attr attr = {
			.raw_tracepoint = {.prog_fd = programs[i].fd}};
		int link;

		if (strcmp(programs[i].name, name))
			continue;
		/* Trampolines too: what it is attached to stands in it. */
		link = bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
		if (link < 0)
			die(name);
		attr = (union bpf_attr){.pathname = (long)path, .bpf_fd = link};
		if (bpf(BPF_OBJ_PIN, &attr))
			die(path);
		close(link);
		return;
	}
	die(name);
}

static void count_loaded(const char *prefix)
{
	union bpf_attr attr = {};
	int count = 0;

	while (!bpf(BPF_PROG_GET_NEXT_ID, &attr)) {
		struct bpf_prog_info info = {};
		int fd = open_program(attr.next_id);

		attr.start_id = attr.next_id;
		/* Gone in between. */
		if (fd < 0)
			continue;
		if (!info_of(fd, &info, sizeof(info)) &&
		    !strncmp(info.name, prefix, strlen(prefix)))
			count++;
		close(fd);
	}
	printf("%d\n", count);
}

static void answer(const char *word)
{
	union bpf_attr attr = {.enable_stats = {.type = BPF_STATS_RUN_TIME}};
	char argument[256];

	if (!strcmp(word, "list")) {
		for (int i = 0; i < program_count; i++)
			tell(programs[i].name, programs[i].fd);
	} else if (!strcmp(word, "settle")) {
		settle();
	} else if (!strcmp(word, "statistics")) {
		if (bpf(BPF_ENABLE_STATS, &attr) < 0)
			die("BPF_ENABLE_STATS");
	} else if (scanf("%255s", argument) != 1) {
		exit(2);
	} else if (!strcmp(word, "loaded")) {
		count_loaded(argument);
	} else if (!strcmp(word, "detach")) {
		detach(argument);
	} else if (!strcmp(word, "attach")) {
		attach(argument);
	} else {
		exit(2);
	}
}

int main(int argc, char **argv)
{
	char word[32];

	if (argc != 2)
		return 2;
	folder = argv[1];
	find_pinned();
	while (scanf("%31s", word) == 1) {
		answer(word);
		printf("\n");
		fflush(stdout);
	}
	return 0;
}
