/* SPDX-License-Identifier: Apache-2.0 */
/* The payload comes over TCP, and is written by who reads it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include "technique.h"

static void serve(int listener)
{
	int connection = accept(listener, NULL, NULL);

	copy_into(connection, PAYLOAD);
	_exit(0);
}

static void download(const struct sockaddr_in *from, const char *path)
{
	int in = socket(AF_INET, SOCK_STREAM, 0);
	int out = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0755);
	char buffer[65536];
	ssize_t length;

	if (in < 0 || connect(in, (void *)from, sizeof(*from)))
		broken("connect");
	while ((length = read(in, buffer, sizeof(buffer))) > 0) {
		if (write(out, buffer, length) != length)
			broken(path);
	}
	close(in);
	close(out);
}

int main(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t length = sizeof(address);

	if (listener < 0 || bind(listener, (void *)&address, length) ||
	    listen(listener, 1) ||
	    getsockname(listener, (void *)&address, &length))
		broken("listen");
	if (!fork())
		serve(listener);
	download(&address, DRIFTED);
	wait(NULL);
	return attempt(run, DRIFTED);
}
