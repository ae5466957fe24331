/* The part of the C library that the runtime needs, on one core without an operating system. Moves are vector loops,
 * as a good C library's are. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <riscv_vector.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "job.h"

/* Strings and memory */

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
  uint8_t *t = to;
  const uint8_t *f = from;
  for (size_t vl; n; n -= vl, t += vl, f += vl) {
    vl = __riscv_vsetvl_e8m8(n);
    __riscv_vse8_v_u8m8(t, __riscv_vle8_v_u8m8(f, vl), vl);
  }
  return to;
}

/* From the end on where the bytes may overlap there. */
void *memmove(void *to, const void *from, size_t n) {
  uint8_t *t = to;
  const uint8_t *f = from;
  if (t <= f || t >= f + n) return memcpy(to, from, n);
  for (size_t vl; n; n -= vl) {
    vl = __riscv_vsetvl_e8m8(n);
    __riscv_vse8_v_u8m8(t + n - vl, __riscv_vle8_v_u8m8(f + n - vl, vl), vl);
  }
  return to;
}

void *memset(void *to, int value, size_t n) {
  uint8_t *t = to;
  for (size_t vl; n; n -= vl, t += vl) {
    vl = __riscv_vsetvl_e8m8(n);
    __riscv_vse8_v_u8m8(t, __riscv_vmv_v_x_u8m8((uint8_t)value, vl), vl);
  }
  return to;
}

int memcmp(const void *a, const void *b, size_t n) {
  const uint8_t *x = a, *y = b;
  for (; n; --n, ++x, ++y)
    if (*x != *y) return *x - *y;
  return 0;
}

int bcmp(const void *a, const void *b, size_t n) { return memcmp(a, b, n); } /* clang's name for a plain != 0 */

void *memchr(const void *memory, int value, size_t n) {
  const uint8_t *at = memory;
  for (; n; --n, ++at)
    if (*at == (uint8_t)value) return (void *)at;
  return NULL;
}

size_t strlen(const char *text) {
  size_t n = 0;
  while (text[n]) ++n;
  return n;
}

int strcmp(const char *a, const char *b) {
  for (; *a && *a == *b; ++a) ++b;
  return (uint8_t)*a - (uint8_t)*b;
}

char *strerror(int number) {
  (void)number;
  return "no such thing without an operating system";
}

/* The heap: memory after the job, never given back. Spike's memory starts as zeros, and nothing is used twice. */

static uintptr_t heap;

int posix_memalign(void **memory, size_t alignment, size_t bytes) {
  if (!heap) heap = bare_the_job.heap;
  heap = (heap + alignment - 1) / alignment * alignment;
  *memory = (void *)heap;
  heap += bytes;
  return 0;
}

void *malloc(size_t bytes) {
  void *memory;
  return posix_memalign(&memory, 16, bytes) ? NULL : memory;
}

void *calloc(size_t count, size_t bytes) { return malloc(count * bytes); }
void free(void *memory) { (void)memory; }

/* The one file there is: the job's model */

int open(const char *path, int flags, ...) {
  (void)path, (void)flags;
  return 3;
}

int fstat(int file, struct stat *status) {
  (void)file;
  status->st_mode = S_IFREG;
  status->st_size = (off_t)bare_the_job.model_bytes;
  return 0;
}

void *mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset) {
  (void)at, (void)bytes, (void)protection, (void)flags, (void)file, (void)offset;
  return (void *)bare_the_job.model;
}

int munmap(void *at, size_t bytes) {
  (void)at, (void)bytes;
  return 0;
}

int close(int file) {
  (void)file;
  return 0;
}

int *__errno_location(void) {
  static int number;
  return &number;
}

/* Messages: of all conversions only %s is carried out; the others stay as they are written. */
int vsnprintf(char *restrict to, size_t n, const char *restrict format, va_list arguments) {
  size_t length = 0;
  for (; *format; ++format) {
    bool text = format[0] == '%' && format[1] == 's';
    const char *piece = text ? va_arg(arguments, const char *) : format;
    size_t count = text ? strlen(piece) : 1;
    format += text;
    for (; count && length + 1 < n; --count) to[length++] = *piece++;
  }
  to[length] = 0;
  return (int)length;
}

/* The machine: RVV, one thread, no clock */

unsigned long getauxval(unsigned long type) { return type == AT_HWCAP ? 1ul << ('v' - 'a') : 0; }

int clock_gettime(clockid_t clock, struct timespec *time) {
  (void)clock;
  *time = (struct timespec){0};
  return 0;
}

static int nothing(void) { return 0; }
static int impossible(void) { bare_exit(2); }

int pthread_mutex_init(pthread_mutex_t *m, const pthread_mutexattr_t *a) { return (void)m, (void)a, nothing(); }
int pthread_cond_init(pthread_cond_t *c, const pthread_condattr_t *a) { return (void)c, (void)a, nothing(); }
int pthread_mutex_destroy(pthread_mutex_t *m) { return (void)m, nothing(); }
int pthread_cond_destroy(pthread_cond_t *c) { return (void)c, nothing(); }
int pthread_mutex_lock(pthread_mutex_t *m) { return (void)m, impossible(); }
int pthread_mutex_unlock(pthread_mutex_t *m) { return (void)m, impossible(); }
int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m) { return (void)c, (void)m, impossible(); }
int pthread_cond_broadcast(pthread_cond_t *c) { return (void)c, impossible(); }
pid_t getpid(void) { return 1; }
int pthread_join(pthread_t t, void **r) { return (void)t, (void)r, impossible(); }
int sched_yield(void) { return impossible(); }
int pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *x) {
  return (void)t, (void)a, (void)f, (void)x, impossible();
}
float powf(float x, float y) { return (void)x, (void)y, (float)impossible(); }
float fmodf(float x, float y) { return (void)x, (void)y, (float)impossible(); }
#define NO_FUNCTION(name) \
  float name(float x) { return (void)x, (float)impossible(); }
NO_FUNCTION(sinf)
NO_FUNCTION(cosf)
NO_FUNCTION(tanf)
NO_FUNCTION(asinf)
NO_FUNCTION(acosf)
NO_FUNCTION(atanf)
NO_FUNCTION(sinhf)
NO_FUNCTION(coshf)
NO_FUNCTION(asinhf)
NO_FUNCTION(acoshf)
NO_FUNCTION(atanhf)
