/* The act that the first word names, carried out with those that follow it. */
#ifndef DISPATCH_H
#define DISPATCH_H

#include <stdio.h>
#include <string.h>

struct act {
	const char *name;
	int (*act)(char **words);
};

static int carry_out(const struct act *acts, size_t count, char **words)
{
	for (size_t i = 0; i < count; i++) {
		if (words[0] && words[1] && !strcmp(acts[i].name, words[0]))
			return acts[i].act(words + 1);
	}
	fprintf(stderr, "no such act\n");
	return 100;
}

#endif
