/* Moves and folds of lines of floats: mostly lines of an image, 7 to 112 floats: too short for what compilers
 * make of such loops, unrolled and with scalar rests. With RISC-V vectors they are written by hand: the largest register
 * groups while there is much left, then the smallest that holds the rest. */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__riscv_vector)
#include <riscv_vector.h>

/* DO(LMUL) for elements i .. i + vl - 1 until n are done. */
#define CLN_EACH(n, DO)                                              \
  const size_t lanes_ = __riscv_vsetvlmax_e32m1(), n_ = (size_t)(n); \
  size_t i = 0, vl;                                                  \
  for (; n_ - i > 4 * lanes_; i += vl) {                             \
    vl = __riscv_vsetvl_e32m8(n_ - i);                               \
    DO(8)                                                            \
  }                                                                  \
  vl = n_ - i;                                                       \
  if (vl > 2 * lanes_) {                                             \
    DO(4)                                                            \
  } else if (vl > lanes_) {                                          \
    DO(2)                                                            \
  } else if (vl) {                                                   \
    DO(1)                                                            \
  }

static inline void copy_floats(float *restrict to, const float *restrict from, int32_t n) {
#define COPY(M) __riscv_vse32(to + i, __riscv_vle32_v_f32m##M(from + i, vl), vl);
  CLN_EACH(n, COPY)
#undef COPY
}

static inline void copy_every(float *restrict to, const float *restrict from, int32_t n, int32_t stride) {
  const ptrdiff_t bytes = stride * (ptrdiff_t)sizeof *from;
#define COPY(M) __riscv_vse32(to + i, __riscv_vlse32_v_f32m##M(from + (ptrdiff_t)i * stride, bytes, vl), vl);
  CLN_EACH(n, COPY)
#undef COPY
}

/* even[i] = from[2 * i], odd[i] = from[2 * i + 1]: the halves of 64-bit elements, which narrowing shifts part faster than
 * segment loads do. */
static inline void split_pairs(float *restrict even, float *restrict odd, const float *restrict from, int32_t n) {
  const size_t pairs = (size_t)n, lanes = __riscv_vsetvlmax_e32m1();
  const uint32_t *bits = (const uint32_t *)from;
  size_t i = 0, vl;
#define SPLIT(WIDE)                                                                                            \
  const vuint64m##WIDE##_t both =                                                                              \
      __riscv_vreinterpret_v_u32m##WIDE##_u64m##WIDE(__riscv_vle32_v_u32m##WIDE(bits + 2 * i, 2 * vl));        \
  __riscv_vse32((uint32_t *)even + i, __riscv_vnsrl(both, 0, vl), vl);                                         \
  __riscv_vse32((uint32_t *)odd + i, __riscv_vnsrl(both, 32, vl), vl);
  for (; pairs - i > 2 * lanes; i += vl) {
    vl = __riscv_vsetvl_e32m4(pairs - i);
    SPLIT(8)
  }
  vl = pairs - i;
  if (vl > lanes) {
    SPLIT(4)
  } else if (vl) {
    SPLIT(2)
  }
#undef SPLIT
}

static inline void fold_sum(float *restrict to, const float *restrict from, int64_t pitch, int32_t lines, int32_t n) {
#define FOLD(M)                                                                      \
  const float *at = from + i;                                                        \
  vfloat32m##M##_t sum = __riscv_vle32_v_f32m##M(at, vl);                            \
  for (int32_t line = 1; line < lines; ++line)                                           \
    sum = __riscv_vfadd(sum, __riscv_vle32_v_f32m##M(at += pitch, vl), vl);          \
  __riscv_vse32(to + i, sum, vl);
  CLN_EACH(n, FOLD)
#undef FOLD
}

/* vfmax drops a NaN (RVV 1.0, 13.11), a sum keeps it; one of infinities makes it without need. */
static inline bool fold_max_numbers(float *restrict to, const float *restrict from, int64_t pitch, int32_t lines,
                                    int32_t n) {
  unsigned long nan = 0;
#define FOLD(M)                                                                      \
  const float *at = from + i;                                                        \
  vfloat32m##M##_t top = __riscv_vle32_v_f32m##M(at, vl), sum = top;                 \
  for (int32_t line = 1; line < lines; ++line) {                                         \
    const vfloat32m##M##_t x = __riscv_vle32_v_f32m##M(at += pitch, vl);             \
    top = __riscv_vfmax(top, x, vl);                                                 \
    sum = __riscv_vfadd(sum, x, vl);                                                 \
  }                                                                                  \
  __riscv_vse32(to + i, top, vl);                                                    \
  nan |= __riscv_vcpop(__riscv_vmfne(sum, sum, vl), vl);
  CLN_EACH(n, FOLD)
#undef FOLD
  return !nan;
}

/* Where there is a NaN. */
static inline void fold_max(float *restrict to, const float *restrict from, int64_t pitch, int32_t lines, int32_t n) {
  copy_floats(to, from, n);
  for (int32_t line = 1; line < lines; ++line)
    for (int32_t i = 0; i < n; ++i) {
      const float x = from[line * pitch + i];
      to[i] = x > to[i] || x != x ? x : to[i];
    }
}

/* Floats of a common sign order like integers, and arithmetic makes only the canonical NaN (F extension, 11.3), as an
 * integer larger than every number: so a bound of zero or more, or none, is an integer maximum. */
static inline bool scale_at_least(float *restrict y, const float *restrict x, int64_t n, float a, float b, float lo) {
  const float positive = lo + 0.0f; /* -0 becomes 0 */
  int32_t least = INT32_MIN;
  if (lo >= 0.0f)
    memcpy(&least, &positive, sizeof least);
  else if (lo != -INFINITY)
    return false;
#define SCALE(M)                                                                                             \
  const vfloat32m##M##_t v =                                                                                 \
      __riscv_vfadd(__riscv_vfmul(__riscv_vle32_v_f32m##M(x + i, vl), a, vl), b, vl);                        \
  const vint32m##M##_t bounded = __riscv_vmax(__riscv_vreinterpret_v_f32m##M##_i32m##M(v), least, vl);       \
  __riscv_vse32(y + i, __riscv_vreinterpret_v_i32m##M##_f32m##M(bounded), vl);
  CLN_EACH(n, SCALE)
#undef SCALE
  return true;
}

#else

/* DO(size) for blocks of elements i .. i + size - 1, of sizes that compilers turn into vectors; the last one overlaps the
 * one before, so DO must give the same twice. */
#define CLN_BLOCKS(size, DO)                                   \
  if (n_ >= (size)) {                                          \
    for (; i + (size) <= n_; i += (size)) DO(size)             \
    if (i < n_) {                                              \
      i = n_ - (size);                                         \
      DO(size)                                                 \
    }                                                          \
    return;                                                    \
  }
#define CLN_EACH(n, DO)      \
  const int32_t n_ = (n);    \
  int32_t i = 0;             \
  CLN_BLOCKS(16, DO)         \
  CLN_BLOCKS(8, DO)          \
  CLN_BLOCKS(4, DO)          \
  for (; i < n_; ++i) DO(1)

/* n floats exactly, mostly too few to be worth a call. They overlap only in a file made to: then they are any. */
static inline void copy_floats(float *to, const float *from, int32_t n) {
  if (n > 64) {
    memmove(to, from, (size_t)n * sizeof *to);
    return;
  }
/* Compilers that saw i grow steadily would make a call of memcpy of the loop. */
#define COPY(size)                               \
  {                                              \
    memmove(to + i, from + i, (size) * sizeof *to); \
    __asm__("" : "+r"(i));                       \
  }
  CLN_EACH(n, COPY)
#undef COPY
}

/* to[i] = from[i * stride] */
static inline void copy_every(float *restrict to, const float *restrict from, int32_t n, int32_t stride) {
#define COPY(size)                                                                    \
  {                                                                                   \
    float every[size];                                                                \
    for (int32_t j = 0; j < (size); ++j) every[j] = from[(int64_t)(i + j) * stride];  \
    memcpy(to + i, every, sizeof every);                                              \
  }
#define COPY_TWO(size)                                                       \
  {                                                                          \
    float every[size];                                                       \
    for (int32_t j = 0; j < (size); ++j) every[j] = from[2 * i + 2 * j];     \
    memcpy(to + i, every, sizeof every);                                     \
  }
  if (stride == 2) {
    CLN_EACH(n, COPY_TWO)
  } else {
    CLN_EACH(n, COPY)
  }
#undef COPY
#undef COPY_TWO
}

/* even[i] = from[2 * i], odd[i] = from[2 * i + 1] */
static inline void split_pairs(float *restrict even, float *restrict odd, const float *restrict from, int32_t n) {
#define SPLIT(size)                                                                  \
  {                                                                                  \
    float pairs[2 * (size)], first[size], second[size];                              \
    memcpy(pairs, from + 2 * i, sizeof pairs);                                       \
    for (int32_t j = 0; j < (size); ++j) first[j] = pairs[2 * j];                    \
    for (int32_t j = 0; j < (size); ++j) second[j] = pairs[2 * j + 1];               \
    memcpy(even + i, first, sizeof first);                                           \
    memcpy(odd + i, second, sizeof second);                                          \
  }
  CLN_EACH(n, SPLIT)
#undef SPLIT
}

/* to[i] = from[i] + from[i + pitch] + ..., `lines` of them. */
static inline void fold_sum(float *restrict to, const float *restrict from, int64_t pitch, int32_t lines, int32_t n) {
#define FOLD(size)                                                                       \
  {                                                                                      \
    float sum[size];                                                                     \
    memcpy(sum, from + i, sizeof sum);                                                   \
    for (int32_t line = 1; line < lines; ++line)                                             \
      for (int32_t j = 0; j < (size); ++j) sum[j] += from[line * pitch + i + j];          \
    memcpy(to + i, sum, sizeof sum);                                                     \
  }
  CLN_EACH(n, FOLD)
#undef FOLD
}

/* to[i] = the largest of from[i], from[i + pitch], ..., `lines` of them; NaN if one is. */
static inline void fold_max(float *restrict to, const float *restrict from, int64_t pitch, int32_t lines, int32_t n) {
#define FOLD(size)                                              \
  {                                                             \
    float top[size];                                            \
    memcpy(top, from + i, sizeof top);                          \
    for (int32_t line = 1; line < lines; ++line)                    \
      for (int32_t j = 0; j < (size); ++j) {                    \
        const float x = from[line * pitch + i + j];              \
        top[j] = x > top[j] || x != x ? x : top[j];             \
      }                                                         \
    memcpy(to + i, top, sizeof top);                            \
  }
  CLN_EACH(n, FOLD)
#undef FOLD
}

/* As fold_max where there is no NaN. Whether there was none, as far as can be told cheaply. */
static inline bool fold_max_numbers(float *restrict to, const float *restrict from, int64_t pitch, int32_t lines,
                                    int32_t n) {
  (void)to, (void)from, (void)pitch, (void)lines, (void)n;
  return false;
}

/* y[i] = max(x[i] * a + b, lo), NaN kept; false if there is no fast way for this lo. */
static inline bool scale_at_least(float *restrict y, const float *restrict x, int64_t n, float a, float b, float lo) {
  (void)y, (void)x, (void)n, (void)a, (void)b, (void)lo;
  return false;
}

#endif

static inline void copy_strided(float *restrict to, const float *restrict from, int32_t n, int32_t stride) {
  if (stride == 1)
    copy_floats(to, from, n);
  else
    copy_every(to, from, n, stride);
}

/* Mostly one: a line's padding. */
static inline void zero_floats(float *to, int32_t n) {
  if (n == 1)
    *to = 0.0f;
  else if (n > 1)
    memset(to, 0, (size_t)n * sizeof *to);
}

/* Where a line of padded, split data lies in a line of n floats: to[i] = from[i * stride + first] for begin <= i < end, of
 * `pitch`; else zero. */
typedef struct {
  int32_t first, begin, end;
} line_span;

static inline line_span span_of_line(int32_t pitch, int32_t n, int32_t first, int32_t stride) {
  int32_t begin = first < 0 ? (stride - 1 - first) / stride : 0;
  int32_t end = n > first ? (n - first + stride - 1) / stride : 0;
  begin = begin < pitch ? begin : pitch;
  end = end < pitch ? end : pitch;
  return (line_span){first, begin, end < begin ? begin : end};
}

/* The padding of such a line. */
static inline void zero_ends(float *to, int32_t pitch, line_span span) {
  zero_floats(to, span.begin);
  zero_floats(to + span.end, pitch - span.end);
}

/* One such line. zeroed: its padding is zero already. */
static inline void pad_line(float *to, int32_t pitch, const float *from, line_span span, int32_t stride, bool zeroed) {
  const float *first = from + (int64_t)span.begin * stride + span.first;
  copy_strided(to + span.begin, first, span.end - span.begin, stride);
  if (!zeroed) zero_ends(to, pitch, span);
}

/* Both columns of a line split by two; spans[0] and [1] are of the even and the odd one. */
static inline void split_line(float *even, float *odd, int32_t pitch, const float *from, const line_span *spans,
                             bool zeroed) {
  float *const to[] = {even, odd};
  const int one = spans[0].first & 1, two = !one; /* those that begin with from[0] and from[1] */
  const line_span a = spans[one], b = spans[two];
  int32_t n = a.end - a.begin < b.end - b.begin ? a.end - a.begin : b.end - b.begin;
  if (2 * a.begin + a.first != 0 || 2 * b.begin + b.first != 1) n = 0;
  split_pairs(to[one] + a.begin, to[two] + b.begin, from, n);
  for (int i = 0; i < 2; ++i) {
    const line_span span = spans[i];
    const int32_t begin = span.begin + n; /* what is left: one element, or all */
    if (span.end > begin) copy_every(to[i] + begin, from + 2 * (int64_t)begin + span.first, span.end - begin, 2);
    if (!zeroed) zero_ends(to[i], pitch, span);
  }
}

/* Borders of a plane of outputs before its first line and after line `line`; `border` floats come before `plane`, the
 * first output. */
static inline void zero_around(float *plane, int32_t line, int32_t height, int32_t width, int32_t pitch,
                               int32_t plane_floats, int32_t border) {
  int64_t end = (int64_t)line * pitch + width, last = plane_floats - border;
  if (line == 0) zero_floats(plane - border, border);
  zero_floats(plane + end, line + 1 < height ? pitch - width : (int32_t)(last - end));
}

/* Of `lanes` lanes from `first` on, those below `count`. */
static inline int32_t count_within(size_t count, int32_t first, int32_t lanes) {
  const int64_t left = (int64_t)count - first;
  return left < 0 ? 0 : left < lanes ? (int32_t)left : lanes;
}

/* n floats that lie apart, so many bytes from a base. */
static inline void gather_floats(float *to, const float *from, const uint32_t *places, int32_t n) {
  for (int32_t i = 0; i < n; ++i) to[i] = from[places[i] / sizeof *from];
}

static inline void scatter_floats(float *to, const uint32_t *places, const float *from, int32_t n) {
  for (int32_t i = 0; i < n; ++i) to[places[i] / sizeof *to] = from[i];
}
