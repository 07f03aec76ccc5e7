/* SPDX-License-Identifier: Apache-2.0 */
/* Rewrites a file of the image as configuration tools do, also in place. */
#include "technique.h"

#define CONFIG "/etc/service.conf"

int main(void)
{
	char text[256] = "";
	int fd;

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "workers %d\n", i);
		write_text(CONFIG ".new", text, 0644);
		if (rename(CONFIG, CONFIG ".old") ||
		    rename(CONFIG ".new", CONFIG))
			return broken("rename");
	}
	fd = open(CONFIG, O_RDWR | O_APPEND);
	if (fd < 0 || write(fd, "user nobody\n", 12) != 12 ||
	    pread(fd, text, sizeof(text) - 1, 0) < 12)
		return broken(CONFIG);
	if (chmod(CONFIG, 0600) || unlink(CONFIG ".old"))
		return broken(CONFIG);
	say(strstr(text, "workers 99") ? "done" : "lost");
	return 0;
}
