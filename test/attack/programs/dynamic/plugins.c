/* SPDX-License-Identifier: Apache-2.0 */
/* Loads a library of the image by its path, over and over. */
#include <dlfcn.h>
#include "../technique.h"

int main(void)
{
	for (int i = 0; i < 50; i++) {
		void *library = dlopen("/attack/plugin.so", RTLD_NOW);
		int (*answer)(void);

		if (!library) {
			fprintf(stderr, "%s\n", dlerror());
			return 1;
		}
		answer = (int (*)(void))dlsym(library, "plugin_answer");
		if (!answer || answer() != RAN)
			return 1;
		dlclose(library);
	}
	say("done");
	return 0;
}
