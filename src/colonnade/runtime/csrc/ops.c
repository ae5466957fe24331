/* Steps other than convolutions and fully connected layers. Each divides its outer dimension among the threads. */
#include "activation.h"
#include "internal.h"
#include "isa.h"
#include "rows.h"

/* This thread's share of 0 .. n - 1. */
static inline void share(const cln_session *session, int thread, int64_t n, int64_t *begin, int64_t *end) {
  *begin = n * thread / session->threads;
  *end = n * (thread + 1) / session->threads;
}

#define RECORD(type) const type *s = session->model->order[order].record
#define VIEW(name) cln_at(session, order, s->name##_buffer, s->name##_at)

/* A pool's window in two folds: down the lines of a window, then along what that gives. In a thread's scratch. */
typedef struct {
  const cln_pool *step;
  float *line;   /* [width]: the fold of the lines, between the left and the right padding */
  float *folded; /* [span]: the fold of every window's columns, strides not yet taken */
  float *part;   /* [out_w]: 1 / columns that an average divides by */
  int32_t width, span;
} pooling;

/* Elements first .. end - 1 of a window from `start` on that lie in from .. n - 1. */
static void inside(int32_t start, int32_t kernel, int32_t dilation, int32_t from, int32_t n, int32_t *first, int32_t *end) {
  *first = start < from ? (from - start + dilation - 1) / dilation : 0;
  *end = start < n ? (n - start + dilation - 1) / dilation : 0;
  if (*end > kernel) *end = kernel;
  if (*first > *end) *first = *end;
}

static pooling pooling_of(const cln_pool *s, float *scratch) {
  pooling p = {.step = s, .span = (s->out_w - 1) * s->stride_w + 1};
  p.width = p.span + (s->kernel_w - 1) * s->dilation_w;
  p.line = scratch;
  p.folded = p.line + p.width;
  p.part = p.folded + p.span;
  for (int32_t i = 0; i < p.width; ++i) p.line[i] = s->average ? 0.0f : -INFINITY;
  for (int32_t o = 0; s->average && o < s->out_w; ++o) {
    int32_t first, end, left = s->count_pad ? -s->pad_left : 0;
    inside(o * s->stride_w - s->pad_left, s->kernel_w, s->dilation_w, left, s->count_pad ? s->end_w : s->in_w, &first, &end);
    p.part[o] = 1.0f / (float)(end - first);
  }
  return p;
}

static void pool_row(const pooling *p, const float *plane, int32_t oy, float *y) {
  const cln_pool *s = p->step;
  int32_t start = oy * s->stride_h - s->pad_top, first, end;
  int32_t n = p->width - s->pad_left < s->in_w ? p->width - s->pad_left : s->in_w;
  inside(start, s->kernel_h, s->dilation_h, 0, s->in_h, &first, &end);
  if (first == end || n <= 0) { /* padding alone */
    for (int32_t o = 0; o < s->out_w; ++o) y[o] = s->average ? 0.0f : -INFINITY;
  } else {
    const float *from = plane + (int64_t)(start + first * s->dilation_h) * s->x_pitch;
    const int64_t down = (int64_t)s->dilation_h * s->x_pitch;
    float *line = p->line + s->pad_left, *folded = s->stride_w == 1 ? y : p->folded;
    if (s->average) {
      fold_sum(line, from, down, end - first, n);
      fold_sum(folded, p->line, s->dilation_w, s->kernel_w, p->span);
    } else if (fold_max_numbers(line, from, down, end - first, n)) {
      fold_max_numbers(folded, p->line, s->dilation_w, s->kernel_w, p->span);
    } else {
      fold_max(line, from, down, end - first, n);
      fold_max(folded, p->line, s->dilation_w, s->kernel_w, p->span);
    }
    if (folded != y) copy_strided(y, folded, s->out_w, s->stride_w);
  }
  if (!s->average) return;
  if (s->count_pad) inside(start, s->kernel_h, s->dilation_h, -s->pad_top, s->end_h, &first, &end);
  const float part = 1.0f / (float)(end - first);
  for (int32_t o = 0; o < s->out_w; ++o) y[o] *= part * p->part[o];
}

void CLN_ISA(cln_run_pool)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_pool);
  const pooling work = pooling_of(s, session->scratch + thread * session->model->scratch_floats);
  int64_t begin, end;
  share(session, thread, s->planes, &begin, &end);
  for (int64_t p = begin; p < end; ++p) {
    const float *plane = VIEW(x) + p * s->x_plane;
    float *y = VIEW(y) + p * s->y_plane;
    for (int32_t oy = 0; oy < s->out_h; ++oy, y += s->y_pitch) {
      pool_row(&work, plane, oy, y);
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

static void scale(float *restrict y, const float *restrict x, int64_t n, float a, float b, float lo, float hi) {
  if (hi == INFINITY && scale_at_least(y, x, n, a, b, lo)) return;
  for (int64_t i = 0; i < n; ++i) y[i] = cln_clamp(x[i] * a + b, lo, hi);
}

void CLN_ISA(cln_run_affine)(cln_session *session, int32_t order, int thread) {
  RECORD(cln_affine);
  const float *factor = session->model->floats + s->scale, *shift = session->model->floats + s->shift;
  cln_act act = CLN_ACT_OF(s);
  bool clamp = act.kind == CLN_ACT_CLAMP;
  float lo = clamp ? act.lo : -INFINITY, hi = clamp ? act.hi : INFINITY;
  int64_t begin, end;
  share(session, thread, s->channels, &begin, &end);
  for (int64_t c = begin; c < end; ++c) {
    float *y = VIEW(y) + c * s->inner;
    scale(y, VIEW(x) + c * s->inner, s->inner, factor[c], shift[c], lo, hi);
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
  int64_t begin, end;
  share(session, thread, s->outer, &begin, &end);
  for (int64_t o = begin; o < end; ++o) {
    int64_t at = o * s->inner;
    if (s->broadcast)
      combine_scalar(y + at, a + at, b[o], s->inner, s->multiply);
    else
      combine(y + at, a + at, b + at, s->inner, s->multiply);
    cln_activate(y + at, y + at, s->inner, act);
  }
}

static void copy_level(const cln_copy *s, int level, const float *x, float *y) {
  int64_t n = s->dims[level], dx = s->x_strides[level], dy = s->y_strides[level];
  if (level + 1 < CLN_MAX_RANK) {
    for (int64_t i = 0; i < n; ++i) copy_level(s, level + 1, x + i * dx, y + i * dy);
  } else if (dx == 1 && dy == 1) {
    memmove(y, x, (size_t)n * sizeof *y); /* they do not overlap but in a file made to */
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
