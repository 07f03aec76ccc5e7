/* SPDX-License-Identifier: Apache-2.0 */
/*
 * walk AUTOMATON PATHS: walks the serialised automaton over paths (a 32-bit
 * length before each) and writes the matched sets, as the kernel would.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t __u8;
typedef uint32_t __u32;
typedef uint64_t __u64;
#include "../../../bpf/include/automaton.h"

#define cell_of(cells, at) ((cells)[at])
BH_AUTOMATON_STEP(bh_automaton_step, const __u32 *, cell_of)

struct walk {
	const struct bh_automaton *automaton;
	const __u32 *cells;
	const __u32 *outputs;
	__u32 matched[256];
	__u32 component[256];
};

static const __u32 *output_of(const struct walk *walk, __u32 cell)
{
	__u32 number = BH_CELL_TARGET(
		walk->cells[BH_CELL_TARGET(cell) + BH_CELL_OUTPUT]);

	if (number >= walk->automaton->output_count)
		abort();
	return walk->outputs + number * 3 * walk->automaton->words;
}

static void merge(__u32 *into, const __u32 *from, __u32 words)
{
	for (__u32 i = 0; i < words; i++)
		into[i] |= from[i];
}

static void hear(struct walk *walk, __u32 cell)
{
	__u32 words = walk->automaton->words;
	const __u32 *said = output_of(walk, cell);

	merge(walk->matched, said, words);
	merge(walk->component, said + words, words);
}

static void run_head(struct walk *walk, __u32 cell, const __u8 *path,
		     __u32 length)
{
	const struct bh_automaton *automaton = walk->automaton;
	__u32 words = automaton->words;

	memset(walk->component, 0, sizeof(walk->component));
	if (cell & BH_CELL_SPEAKS)
		hear(walk, cell);
	for (__u32 i = 0; i < length; i++) {
		__u32 class = automaton->classes[path[i]];

		if (BH_CELL_TARGET(cell) + 255 >= automaton->cell_count)
			abort();
		cell = bh_automaton_step(walk->cells, cell, class,
					 automaton->slash_class);
		if (path[i] == '/')
			memset(walk->component, 0, sizeof(walk->component));
		if (cell & BH_CELL_SPEAKS)
			hear(walk, cell);
	}
	merge(walk->matched, walk->component, words);
	if (cell & BH_CELL_SPEAKS)
		merge(walk->matched, output_of(walk, cell) + 2 * words, words);
}

static __u8 *read_file(const char *name, size_t *length)
{
	FILE *file = fopen(name, "rb");
	__u8 *bytes;

	if (!file || fseek(file, 0, SEEK_END))
		abort();
	*length = ftell(file);
	rewind(file);
	bytes = malloc(*length + 1);
	if (!bytes || fread(bytes, 1, *length, file) != *length)
		abort();
	fclose(file);
	return bytes;
}

int main(int argc, char **argv)
{
	static struct walk walk;
	size_t automaton_length, paths_length, at = 0;
	__u8 *block, *paths;

	if (argc != 3)
		return 2;
	block = read_file(argv[1], &automaton_length);
	paths = read_file(argv[2], &paths_length);
	walk.automaton = (void *)block;
	if (walk.automaton->version != BH_AUTOMATON_VERSION ||
	    walk.automaton->words > 256)
		abort();
	walk.cells = (void *)(block + sizeof(*walk.automaton));
	walk.outputs = walk.cells + walk.automaton->cell_count;
	while (at < paths_length) {
		__u32 length;

		memcpy(&length, paths + at, sizeof(length));
		at += sizeof(length);
		memset(walk.matched, 0, sizeof(walk.matched));
		for (int head = 0; head < BH_AUTOMATON_HEADS; head++)
			run_head(&walk, walk.automaton->starts[head],
				 paths + at, length);
		fwrite(walk.matched, 4, walk.automaton->words, stdout);
		at += length;
	}
	free(block);
	free(paths);
	return 0;
}
