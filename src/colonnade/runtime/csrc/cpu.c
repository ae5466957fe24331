/* Which instruction sets the CPU and the operating system offer: the checks that the rows of target/isa.py name. On x86
 * by cpuid, as the compilers' own check needs run-time support that not every link has. */
#include <stdbool.h>

bool cln_cpu_any(void) { return true; }

#if defined(__x86_64__)
#include <cpuid.h>

static unsigned saved_state(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* Bits: Intel SDM volume 2, CPUID; XCR0: volume 1, 13.3. */
static bool has(unsigned ecx1, unsigned ebx7, unsigned xcr0) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & ecx1) != ecx1) return false;
  if ((saved_state() & xcr0) != xcr0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & ebx7) == ebx7;
}

enum { FMA = 1u << 12, OSXSAVE = 1u << 27, AVX = 1u << 28, F16C = 1u << 29 };
enum { BMI1 = 1u << 3, AVX2 = 1u << 5, BMI2 = 1u << 8 };
#define AVX512 (1u << 16 | 1u << 17 | 1u << 30 | 1u << 31) /* F, DQ, BW, VL */

bool cln_cpu_x86_64_v3(void) { return has(FMA | OSXSAVE | AVX | F16C, BMI1 | AVX2 | BMI2, 0x06); }
bool cln_cpu_x86_64_v4(void) { return has(FMA | OSXSAVE | AVX | F16C, BMI1 | AVX2 | BMI2 | AVX512, 0xe6); }
#endif

#if defined(__riscv)
#include <sys/auxv.h>

/* One bit per single-letter extension (Linux, uapi/asm/hwcap.h). */
bool cln_cpu_riscv_v(void) { return getauxval(AT_HWCAP) >> ('v' - 'a') & 1; }
#endif
