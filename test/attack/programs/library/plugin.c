/* SPDX-License-Identifier: Apache-2.0 */
/* A library of the image. */
int plugin_answer(void);

int plugin_answer(void)
{
	return 42;
}
