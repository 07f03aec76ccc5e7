/*
 * Starts a program as a container runtime does: joins a cgroup, takes a mount
 * namespace of its own, changes the root, runs.
 * usage: launch CGROUP_DIR ROOT PROGRAM [ARG ...]
 * "-" as ROOT: stays in the caller's mount namespace, and runs PROGRAM from a
 * memfd, as runc does with itself. Descriptor 9 is the caller's namespace.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(100);
}

static void join_cgroup(const char *directory)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
}

static void run_from_memory(char **arguments)
{
	int in = open(arguments[0], O_RDONLY | O_CLOEXEC);
	int out = memfd_create("runtime", MFD_CLOEXEC);
	struct stat stat;

	if (in < 0 || out < 0 || fstat(in, &stat))
		die(arguments[0]);
	while (sendfile(out, in, NULL, stat.st_size) > 0)
		;
	fexecve(out, arguments, environ);
	die("fexecve");
}

int main(int argc, char **argv)
{
	int host;

	if (argc < 4)
		return 100;
	join_cgroup(argv[1]);
	/* Whatever terminal the tests are run from is not the container's. */
	if (setsid() < 0)
		die("setsid");
	if (!strcmp(argv[2], "-"))
		run_from_memory(argv + 3);
	host = open("/proc/self/ns/mnt", O_RDONLY);
	if (host < 0 || dup2(host, 9) < 0)
		die("/proc/self/ns/mnt");
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("unshare");
	/* Not chroot: the kernel refuses user namespaces to who is in one. */
	if (chdir(argv[2]) || syscall(SYS_pivot_root, ".", ".") ||
	    umount2(".", MNT_DETACH))
		die(argv[2]);
	execv(argv[3], argv + 3);
	/* As a shell says it: 126 found but not run. */
	perror(argv[3]);
	return 126;
}
