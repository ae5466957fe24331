/* Steps other than convolutions and fully connected layers. Each divides its outer dimension among the threads. */
#include "activation.h"
#include "internal.h"
#include "isa.h"

/* This thread's share of 0 .. n - 1. */
static inline void share(const cln_session *session, int thread, int64_t n, int64_t *begin, int64_t *end) {
  *begin = n * thread / session->threads;
  *end = n * (thread + 1) / session->threads;
}

#define RECORD(type) const type *s = session->model->order[order].record
#define VIEW(name) cln_at(session, s->name##_buffer, s->name##_at)

/* into[o] = max(into[o], from[o * stride]) or += ; strides 1 and 2 apart, for the compiler to vectorise. */
static inline void fold_row(float *restrict into, const float *restrict from, int32_t n, int32_t stride, bool sum) {
#define FOLD(index)                                                              \
  if (sum)                                                                       \
    for (int32_t o = 0; o < n; ++o) into[o] += from[index];                      \
  else                                                                           \
    for (int32_t o = 0; o < n; ++o) into[o] = from[index] > into[o] || from[index] != from[index] ? from[index] : into[o];
  if (stride == 1) {
    FOLD(o)
  } else if (stride == 2) {
    FOLD(2 * o)
  } else {
    FOLD((int64_t)stride * o)
  }
#undef FOLD
}

/* Outputs first .. end - 1 whose tap at `offset` (dilation and padding applied) falls inside 0 .. n - 1. */
static inline void tap_range(int32_t n, int32_t offset, int32_t stride, int32_t outputs, int32_t *first, int32_t *end) {
  *first = offset < 0 ? (stride - 1 - offset) / stride : 0;
  *end = n > offset ? (n - offset + stride - 1) / stride : 0;
  if (*end > outputs) *end = outputs;
}

/* Window elements along one axis that lie in 0 .. n - 1. */
static inline int32_t taps_inside(int32_t start, int32_t kernel, int32_t dilation, int32_t from, int32_t n) {
  int32_t count = 0;
  for (int32_t k = 0; k < kernel; ++k) {
    int32_t at = start + k * dilation;
    count += at >= from && at < n;
  }
  return count;
}

static void pool_row(const cln_pool *s, const float *plane, int32_t oy, float *y) {
  int32_t start = oy * s->stride_h - s->pad_top, rows = 0;
  for (int32_t o = 0; o < s->out_w; ++o) y[o] = s->average ? 0.0f : -INFINITY;
  for (int32_t ky = 0; ky < s->kernel_h; ++ky) {
    int32_t at = start + ky * s->dilation_h;
    if (at < 0 || at >= s->in_h) continue;
    for (int32_t kx = 0; kx < s->kernel_w; ++kx) {
      int32_t offset = kx * s->dilation_w - s->pad_left, first, end;
      tap_range(s->in_w, offset, s->stride_w, s->out_w, &first, &end);
      if (first >= end) continue;
      const float *from = plane + (int64_t)at * s->x_pitch + offset + (int64_t)first * s->stride_w;
      fold_row(y + first, from, end - first, s->stride_w, s->average);
    }
  }
  if (!s->average) return;
  bool pad = s->count_pad;
  rows = taps_inside(start, s->kernel_h, s->dilation_h, pad ? -s->pad_top : 0, pad ? s->end_h : s->in_h);
  for (int32_t o = 0; o < s->out_w; ++o) {
    int32_t left = o * s->stride_w - s->pad_left;
    y[o] /= (float)(rows * taps_inside(left, s->kernel_w, s->dilation_w, pad ? -s->pad_left : 0,
                                       pad ? s->end_w : s->in_w));
  }
}

void CLN_ISA(cln_run_pool)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_pool);
  int64_t begin, end;
  share(session, thread, s->planes, &begin, &end);
  for (int64_t p = begin; p < end; ++p) {
    const float *plane = VIEW(x) + p * s->x_plane;
    float *y = VIEW(y) + p * s->y_plane;
    for (int32_t oy = 0; oy < s->out_h; ++oy, y += s->y_pitch) {
      pool_row(s, plane, oy, y);
      cln_activate(y, y, s->out_w, CLN_ACT_OF(s));
    }
  }
}

enum { PARTS = 16 }; /* partial sums or maxima, for the compiler to keep in vectors */

static float sum(const float *x, int32_t n) {
  float parts[PARTS] = {0}, total = 0.0f;
  int32_t i = 0;
  for (; i + PARTS <= n; i += PARTS)
    for (int32_t j = 0; j < PARTS; ++j) parts[j] += x[i + j];
  for (; i < n; ++i) total += x[i];
  for (int32_t j = 0; j < PARTS; ++j) total += parts[j];
  return total;
}

static float largest(float top, const float *x, int32_t n) {
  for (int32_t i = 0; i < n; ++i) top = x[i] > top || x[i] != x[i] ? x[i] : top;
  return top;
}

void CLN_ISA(cln_run_global_pool)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_global_pool);
  bool dense = s->x_pitch == s->width; /* rows side by side are one */
  int32_t rows = dense ? 1 : s->height, width = dense ? s->height * s->width : s->width;
  float count = (float)s->height * (float)s->width;
  int64_t begin, end;
  share(session, thread, s->planes, &begin, &end);
  for (int64_t p = begin; p < end; ++p) {
    const float *row = VIEW(x) + p * s->x_plane;
    float of_plane = s->average ? 0.0f : *row;
    for (int32_t y = 0; y < rows; ++y, row += s->x_pitch)
      of_plane = s->average ? of_plane + sum(row, width) : largest(of_plane, row, width);
    VIEW(y)[p] = s->average ? of_plane / count : of_plane;
  }
}

void CLN_ISA(cln_run_affine)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_affine);
  const float *scale = session->model->floats + s->scale, *shift = session->model->floats + s->shift;
  cln_act act = CLN_ACT_OF(s);
  bool clamp = act.kind == CLN_ACT_CLAMP;
  int64_t begin, end;
  share(session, thread, s->channels, &begin, &end);
  for (int64_t c = begin; c < end; ++c) {
    const float *restrict x = VIEW(x) + c * s->inner;
    float *restrict y = VIEW(y) + c * s->inner;
    float a = scale[c], b = shift[c], lo = clamp ? act.lo : -INFINITY, hi = clamp ? act.hi : INFINITY;
    for (int32_t i = 0; i < s->inner; ++i) y[i] = cln_clamp(x[i] * a + b, lo, hi);
    if (!clamp) cln_activate(y, y, s->inner, act);
  }
}

void CLN_ISA(cln_run_unary)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_unary);
  int64_t begin, end;
  share(session, thread, s->count, &begin, &end);
  cln_activate(VIEW(y) + begin, VIEW(x) + begin, end - begin, CLN_ACT_OF(s));
}

static void combine(float *restrict y, const float *restrict a, const float *restrict b, int64_t n, bool multiply) {
  if (multiply)
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] * b[i];
  else
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
}

static void combine_scalar(float *restrict y, const float *restrict a, float b, int64_t n, bool multiply) {
  if (multiply)
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] * b;
  else
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] + b;
}

void CLN_ISA(cln_run_binary)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_binary);
  const float *a = VIEW(a), *b = VIEW(b);
  float *y = VIEW(y);
  cln_act act = CLN_ACT_OF(s);
  bool identity = act.kind == CLN_ACT_CLAMP && act.lo == -INFINITY && act.hi == INFINITY;
  int64_t begin, end;
  share(session, thread, s->outer, &begin, &end);
  for (int64_t o = begin; o < end; ++o) {
    int64_t at = o * s->inner;
    if (s->broadcast)
      combine_scalar(y + at, a + at, b[o], s->inner, s->multiply);
    else
      combine(y + at, a + at, b + at, s->inner, s->multiply);
    if (!identity) cln_activate(y + at, y + at, s->inner, act);
  }
}

static void copy_level(const cln_copy *s, int level, const float *x, float *y) {
  int64_t n = s->dims[level], dx = s->x_strides[level], dy = s->y_strides[level];
  if (level + 1 < CLN_MAX_RANK) {
    for (int64_t i = 0; i < n; ++i) copy_level(s, level + 1, x + i * dx, y + i * dy);
  } else if (dx == 1 && dy == 1) {
    memcpy(y, x, (size_t)n * sizeof *y);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * dy] = x[i * dx];
  }
}

/* The first dimension is divided among the threads. */
void CLN_ISA(cln_run_copy)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_copy);
  int64_t begin, end;
  share(session, thread, s->dims[0], &begin, &end);
  for (int64_t i = begin; i < end; ++i)
    copy_level(s, 1, VIEW(x) + i * s->x_strides[0], VIEW(y) + i * s->y_strides[0]);
}

void CLN_ISA(cln_run_fill)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_fill);
  int64_t begin, end;
  share(session, thread, s->count, &begin, &end);
  float *y = VIEW(y);
  for (int64_t i = begin; i < end; ++i) y[i] = s->value;
}

void CLN_ISA(cln_run_softmax)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_softmax);
  int64_t begin, end;
  share(session, thread, (int64_t)s->outer * s->inner, &begin, &end);
  for (int64_t p = begin; p < end; ++p) {
    int64_t at = p / s->inner * s->count * s->inner + p % s->inner, step = s->inner;
    const float *x = VIEW(x) + at;
    float *y = VIEW(y) + at, top = x[0];
    double sum = 0.0;
    for (int32_t i = 1; i < s->count; ++i) top = x[i * step] > top ? x[i * step] : top;
    for (int32_t i = 0; i < s->count; ++i) sum += y[i * step] = cln_exp(x[i * step] - top);
    for (int32_t i = 0; i < s->count; ++i) y[i * step] = (float)(y[i * step] / sum);
  }
}

enum { LRN_BLOCK = 64 }; /* positions handled together */

static void lrn_block(const cln_lrn *s, const float *x, float *y, int32_t n) {
  float sum[LRN_BLOCK];
  int32_t below = (s->size - 1) / 2, above = s->size - 1 - below;
  for (int32_t c = 0; c < s->channels; ++c) {
    int32_t first = c > below ? c - below : 0, last = c + above < s->channels ? c + above : s->channels - 1;
    for (int32_t i = 0; i < n; ++i) sum[i] = 0.0f;
    for (int32_t j = first; j <= last; ++j) {
      const float *row = x + (int64_t)j * s->inner;
      for (int32_t i = 0; i < n; ++i) sum[i] += row[i] * row[i];
    }
    int64_t at = (int64_t)c * s->inner;
    for (int32_t i = 0; i < n; ++i) {
      float base = s->bias + s->alpha / (float)s->size * sum[i];
      /* base ** 0.75 is what every network uses; square roots are vector instructions. */
      y[at + i] = x[at + i] / (s->beta == 0.75f ? sqrtf(base) * sqrtf(sqrtf(base)) : powf(base, s->beta));
    }
  }
}

void CLN_ISA(cln_run_lrn)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_lrn);
  int64_t begin, end;
  share(session, thread, s->inner, &begin, &end);
  for (int64_t i = begin; i < end; i += LRN_BLOCK)
    lrn_block(s, VIEW(x) + i, VIEW(y) + i, (int32_t)(end - i < LRN_BLOCK ? end - i : LRN_BLOCK));
}
