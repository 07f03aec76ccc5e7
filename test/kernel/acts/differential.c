/*
 * Carries out a list of acts, each by a process of its own, so that a killed
 * one is seen. Who acts is a worker: workers differ in executable, user,
 * capabilities, session and root, and are made before a policy is in force.
 * usage: differential (EXECUTABLE USER CAPABILITIES TRAITS) ...
 * CAPABILITIES is a mask in hex. TRAITS: t a controlling terminal, j a root of
 * its own, m runs from memory.
 * An act on stdin is seven fields, each with a NUL behind it: worker, whether
 * the process is adopted by this one, name, path, other path, two numbers. Its
 * answer on stdout is "PID STATUS", the status as of waitpid().
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS_MAX 16
#define FIELDS 7
/* Memory files of a worker: to run and load, and to change. */
#define PAYLOAD_FD 20
#define SPARE_FD 21

struct worker {
	FILE *acts;
	int answers;
};

struct act {
	char *worker;
	char *is_adopted;
	char *name;
	char *path;
	char *other;
	char *first;
	char *second;
};

struct answer {
	pid_t pid;
	int status;
	int is_adopted;
};

static int die(const char *what)
{
	perror(what);
	exit(100);
}

static int told(long result, const struct act *act)
{
	if (result >= 0)
		return 0;
	if (errno == EPERM)
		return 126;
	fprintf(stderr, "%s %s: %s\n", act->name, act->path, strerror(errno));
	return 100;
}

static long number(const char *text)
{
	return strtol(text, NULL, 0);
}

static int nothing(const struct act *act)
{
	(void)act;
	return 0;
}

static int run(const struct act *act)
{
	char *words[] = {act->path, "open", act->other, NULL};

	if (!*act->other)
		words[1] = NULL;
	return told(execv(act->path, words), act);
}

static int run_memory(const struct act *act)
{
	char *words[] = {"payload", NULL};

	return told(fexecve(PAYLOAD_FD, words, environ), act);
}

static int open_file(const struct act *act)
{
	int flags = number(act->first);

	return told(open(act->path, flags, number(act->second)), act);
}

/* mask PATH MODE MASK: makes it under a umask */
static int open_masked(const struct act *act)
{
	umask(number(act->second));
	return told(open(act->path, O_CREAT | O_WRONLY, number(act->first)),
		    act);
}

static int load_from(int fd, const struct act *act)
{
	void *at = fd < 0 ? MAP_FAILED
			  : mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE,
				 fd, 0);

	return told(at == MAP_FAILED ? -1 : 0, act);
}

static int load(const struct act *act)
{
	return load_from(open(act->path, O_RDONLY), act);
}

static int load_memory(const struct act *act)
{
	return load_from(PAYLOAD_FD, act);
}

/* Mapped readable, then executable. */
static int protect(const struct act *act)
{
	int fd = open(act->path, O_RDONLY);
	void *at = fd < 0 ? MAP_FAILED
			  : mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);

	if (at == MAP_FAILED)
		return told(-1, act);
	return told(mprotect(at, 4096, PROT_READ | PROT_EXEC), act);
}

static int cut(const struct act *act)
{
	return told(truncate(act->path, 0), act);
}

static int change_mode(const struct act *act)
{
	return told(chmod(act->path, number(act->first)), act);
}

static int change_memory_mode(const struct act *act)
{
	if (fchmod(SPARE_FD, 0600))
		return 100;
	return told(fchmod(SPARE_FD, number(act->first)), act);
}

static int delete (const struct act *act)
{
	return told(unlink(act->path), act);
}

static int delete_directory(const struct act *act)
{
	return told(rmdir(act->path), act);
}

static int rename_with(const struct act *act)
{
	return told(renameat2(AT_FDCWD, act->path, AT_FDCWD, act->other,
			      number(act->first)),
		    act);
}

/* link PATH OTHER: OTHER is what there is */
static int link_to(const struct act *act)
{
	return told(link(act->other, act->path), act);
}

static int symlink_to(const struct act *act)
{
	return told(symlink(act->other, act->path), act);
}

static int make_node(const struct act *act)
{
	return told(mknod(act->path, number(act->first), number(act->second)),
		    act);
}

/* tmpfile PATH DIRECTORY MODE: made without a name, then given one */
static int name_tmpfile(const struct act *act)
{
	int fd = open(act->other, O_TMPFILE | O_RDWR, number(act->first));

	if (fd < 0)
		return told(-1, act);
	return told(linkat(fd, "", AT_FDCWD, act->path, AT_EMPTY_PATH), act);
}

static const struct {
	const char *name;
	int (*carry_out)(const struct act *act);
} acts[] = {
	{"fork", nothing},
	{"exec", run},
	{"exec-memory", run_memory},
	{"open", open_file},
	{"mask", open_masked},
	{"load", load},
	{"load-memory", load_memory},
	{"protect", protect},
	{"truncate", cut},
	{"chmod", change_mode},
	{"chmod-memory", change_memory_mode},
	{"unlink", delete},
	{"rmdir", delete_directory},
	{"rename", rename_with},
	{"link", link_to},
	{"symlink", symlink_to},
	{"mknod", make_node},
	{"tmpfile", name_tmpfile},
};

static int carry_out(const struct act *act)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
		if (!strcmp(acts[i].name, act->name))
			return acts[i].carry_out(act);
	}
	fprintf(stderr, "no such act: %s\n", act->name);
	return 100;
}

/* 0: no more. */
static int read_act(FILE *in, struct act *act)
{
	char **fields = (char **)act;
	size_t size;

	for (int i = 0; i < FIELDS; i++) {
		free(fields[i]);
		fields[i] = NULL;
		size = 0;
		if (getdelim(&fields[i], &size, 0, in) < 0)
			return 0;
	}
	return 1;
}

static void write_act(FILE *out, const struct act *act)
{
	char *const *fields = (char *const *)act;

	for (int i = 0; i < FIELDS; i++)
		fwrite(fields[i], strlen(fields[i]) + 1, 1, out);
	fflush(out);
}

/* A root of its own does not move the working directory, which is "/". */
static void make_relative(char *path)
{
	if (*path == '/')
		memmove(path, path + 1, strlen(path));
}

static int work(int is_jailed)
{
	struct act act = {};

	while (read_act(stdin, &act)) {
		struct answer answer = {.is_adopted = *act.is_adopted == '1'};
		unsigned long flags = SIGCHLD;

		if (is_jailed) {
			make_relative(act.path);
			make_relative(act.other);
		}
		if (answer.is_adopted)
			flags |= CLONE_PARENT;
		answer.pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
		if (!answer.pid)
			_exit(carry_out(&act));
		if (answer.pid < 0)
			return die("clone");
		if (!answer.is_adopted &&
		    waitpid(answer.pid, &answer.status, 0) != answer.pid)
			return die("waitpid");
		if (write(1, &answer, sizeof(answer)) != sizeof(answer))
			return die("answer");
	}
	return 0;
}

static void take_terminal(void)
{
	int master = open("/pts/ptmx", O_RDWR | O_NOCTTY), terminal;

	if (master < 0 || unlockpt(master))
		die("/pts/ptmx");
	terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	if (terminal < 0 || setsid() < 0 || ioctl(terminal, TIOCSCTTY, 0))
		die("TIOCSCTTY");
}

static void set_capabilities(unsigned long long mask)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3,
						  0};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].effective = mask >> (32 * i);
		data[i].permitted = data[i].effective;
		data[i].inheritable = data[i].effective;
	}
	if (syscall(SYS_capset, &header, data))
		die("capset");
}

/* So that an exec leaves user and capabilities as they are. */
static void become(int user, unsigned long long mask)
{
	for (int i = 0; !user && i < 64; i++) {
		if (!(mask >> i & 1))
			prctl(PR_CAPBSET_DROP, i);
	}
	if (prctl(PR_SET_KEEPCAPS, 1) || setresgid(user, user, user) ||
	    setresuid(user, user, user))
		die("setresuid");
	set_capabilities(mask);
	for (int i = 0; user && i < 64; i++) {
		if (mask >> i & 1 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0))
			die("PR_CAP_AMBIENT_RAISE");
	}
}

static int memory_file(const char *name, const char *content)
{
	int out = memfd_create(name, 0), in = open(content, O_RDONLY);
	struct stat stat;

	if (in < 0 || out < 0 || fstat(in, &stat))
		die(content);
	while (sendfile(out, in, NULL, stat.st_size) > 0)
		;
	close(in);
	return out;
}

static void place(int fd, int at)
{
	if (fd == at)
		return;
	if (dup2(fd, at) != at)
		die("dup2");
	close(fd);
}

static void start_work(char **words)
{
	const char *traits = words[3];
	const char *is_jailed = strchr(traits, 'j');
	char *command[] = {words[0], "work", is_jailed ? "1" : "0", NULL};

	if (strchr(traits, 't'))
		take_terminal();
	if (is_jailed && chroot("/jail"))
		die("/jail");
	become(atoi(words[1]), strtoull(words[2], NULL, 16));
	place(memory_file("payload", "bin/tool"), PAYLOAD_FD);
	place(memory_file("spare", "bin/tool"), SPARE_FD);
	make_relative(words[0]);
	if (strchr(traits, 'm'))
		fexecve(memory_file("worker", words[0]), command, environ);
	else
		execv(words[0], command);
	die(words[0]);
}

static struct worker start_worker(char **words)
{
	int acts[2], answers[2];
	struct worker worker;
	pid_t child;

	if (pipe2(acts, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		die("pipe2");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		place(acts[0], 0);
		place(answers[1], 1);
		start_work(words);
	}
	close(acts[0]);
	close(answers[1]);
	worker.acts = fdopen(acts[1], "w");
	worker.answers = answers[0];
	return worker;
}

int main(int argc, char **argv)
{
	struct worker workers[WORKERS_MAX];
	struct answer answer;
	struct act act = {};
	int count = 0;

	umask(0);
	if (argc == 3 && !strcmp(argv[1], "work"))
		return work(*argv[2] == '1');
	if (chdir("/") || mount("devpts", "/pts", "devpts", 0, "ptmxmode=0666"))
		return die("/pts");
	for (int i = 1; i + 3 < argc && count < WORKERS_MAX; i += 4)
		workers[count++] = start_worker(argv + i);
	while (read_act(stdin, &act)) {
		struct worker *worker = &workers[atoi(act.worker)];

		write_act(worker->acts, &act);
		if (read(worker->answers, &answer, sizeof(answer)) !=
		    sizeof(answer))
			return die("a worker died");
		if (answer.is_adopted &&
		    waitpid(answer.pid, &answer.status, 0) != answer.pid)
			return die("waitpid");
		printf("%d %d\n", answer.pid, answer.status);
		fflush(stdout);
	}
	for (int i = 0; i < count; i++)
		fclose(workers[i].acts);
	while (wait(NULL) > 0)
		;
	return 0;
}
