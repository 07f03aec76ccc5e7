/* SPDX-License-Identifier: Apache-2.0 */
/* A program of the image that needs its loader, and does nothing. */
int main(void)
{
	return 0;
}
