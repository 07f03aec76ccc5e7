/* SPDX-License-Identifier: Apache-2.0 */
/*
 * swapped files|links ROUNDS: what a path names is exchanged without end by
 * one thread while another runs it. Links: of a program of the image and a
 * drifted one. Files: of a copy and a hard link, which overlayfs both puts in
 * the upper layer: neither may run.
 */
#include <pthread.h>
#include "repeat.h"

#define CONTESTED "/tmp/contested"
#define OTHER "/tmp/other"

static volatile int over;

static void *exchange(void *unused)
{
	(void)unused;
	while (!over) {
		if (renameat2(AT_FDCWD, OTHER, AT_FDCWD, CONTESTED,
			      RENAME_EXCHANGE))
			broken("RENAME_EXCHANGE");
	}
	return NULL;
}

int main(int argc, char **argv)
{
	long rounds = argc > 2 ? atol(argv[2]) : 0;
	struct ends ends = {0};
	pthread_t id;

	copy_file(PAYLOAD, DRIFTED);
	if (argc > 1 && !strcmp(argv[1], "links")) {
		if (symlink(VICTIM, CONTESTED) || symlink(DRIFTED, OTHER))
			broken("symlink");
	} else if (link(VICTIM, CONTESTED) || link(DRIFTED, OTHER)) {
		broken("link");
	}
	if (pthread_create(&id, NULL, exchange, NULL))
		broken("pthread_create");
	ready();
	for (long i = 0; i < rounds; i++)
		run_once(CONTESTED, &ends);
	over = 1;
	pthread_join(id, NULL);
	say("note %ld rounds: the image's ran %lu times, the drifted %lu",
	    rounds, ends.other, ends.ran);
	tell_ends(&ends);
	return 0;
}
