/* What is run to measure what running costs. */
int main(void)
{
	return 0;
}
