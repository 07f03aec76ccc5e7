/* SPDX-License-Identifier: Apache-2.0 */
/* stalled-rings COUNT: many execs at once, while nobody reads the rings. */
#include <sys/mman.h>
#include "repeat.h"

#define WORKERS 4

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 0;
	struct ends *ends, sum = {0};
	double took;

	copy_file(PAYLOAD, DRIFTED);
	ends = mmap(NULL, WORKERS * sizeof(*ends), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ends == MAP_FAILED)
		broken("mmap");
	ready();
	took = seconds();
	for (int worker = 0; worker < WORKERS; worker++) {
		if (fork())
			continue;
		for (long i = worker; i < count; i += WORKERS)
			run_once(DRIFTED, &ends[worker]);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	took = seconds() - took;
	for (int worker = 0; worker < WORKERS; worker++) {
		sum.ran += ends[worker].ran;
		sum.refused += ends[worker].refused;
		sum.killed += ends[worker].killed;
		sum.other += ends[worker].other;
	}
	say("note %lu of %ld execs stopped, %.0f a second",
	    sum.refused + sum.killed, count, count / took);
	if (sum.refused + sum.killed < (unsigned long)count)
		say("exit %d", RAN);
	else
		tell_ends(&sum);
	return 0;
}
