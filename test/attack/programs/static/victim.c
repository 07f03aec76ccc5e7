/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the image that does nothing. */
int main(void)
{
	return 0;
}
