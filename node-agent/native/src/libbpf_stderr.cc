// Debian builds libbpf.a position-independent enough for programs (-fPIE) but
// not for a shared object: it reaches for glibc's stderr directly. The linker
// gives it this variable instead (--wrap=stderr in the Makefile).
#include <cstdio>

extern "C" {
extern FILE *__real_stderr;
__attribute__((visibility("hidden"))) FILE *__wrap_stderr = __real_stderr;
}
