/* SPDX-License-Identifier: Apache-2.0 */
/* The exec is made by a thread that is not the leader. */
#include <pthread.h>
#include "technique.h"

static void *run_drifted(void *path)
{
	run(path);
	refused();
	_exit(REFUSED);
}

static void run_in_thread(const char *path)
{
	pthread_t id;

	if (pthread_create(&id, NULL, run_drifted, (void *)path))
		broken("pthread_create");
	for (;;)
		pause();
}

int main(void)
{
	copy_file(PAYLOAD, DRIFTED);
	return attempt(run_in_thread, DRIFTED);
}
