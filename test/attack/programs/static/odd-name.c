/* SPDX-License-Identifier: Apache-2.0 */
/* A name with a line end and bytes that are no UTF-8. */
#include "technique.h"

int main(void)
{
	const char *path = "/tmp/drif\nted \x80\xfe\xff";

	copy_file(PAYLOAD, path);
	return attempt(run, path);
}
