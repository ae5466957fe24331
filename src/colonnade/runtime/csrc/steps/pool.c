/* Maxima and averages of windows. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "lines.h"
#include "share.h"

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

/* Floats from the first window of a line of outputs to the last one, and to the end of that. */
static int32_t span_of_windows(const cln_pool *s) { return (s->out_w - 1) * s->stride_w + 1; }
static int32_t padded_width(const cln_pool *s) { return span_of_windows(s) + (s->kernel_w - 1) * s->dilation_w; }

static pooling pooling_of(const cln_pool *s, float *scratch) {
  pooling p = {.step = s, .span = span_of_windows(s), .width = padded_width(s)};
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

static void pool_line(const pooling *p, const float *plane, int32_t oy, float *y) {
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

const char *CLN_ISA(cln_check_pool)(cln_checker *c, const void *record) {
  const cln_pool *s = record;
  const cln_model *m = c->model;
  CLN_NEED(CLN_PRODUCT(s->out_h, s->stride_h) < INT32_MAX / 4, "size out of range");
  CLN_NEED(CLN_PRODUCT(s->out_w, s->stride_w) < INT32_MAX / 4, "size out of range");
  CLN_VIEW(x, cln_planes_span(s->planes, s->in_h, s->in_w, s->x_pitch, s->x_plane));
  CLN_VIEW(y, cln_planes_span(s->planes, s->out_h, s->out_w, s->y_pitch, s->y_plane));
  c->scratch = (int64_t)padded_width(s) + span_of_windows(s) + s->out_w;
  return NULL;
}

void CLN_ISA(cln_run_pool)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_pool);
  const pooling work = pooling_of(s, cln_scratch(session, thread));
  int64_t begin, end;
  cln_share(session, thread, s->planes, &begin, &end);
  for (int64_t p = begin; p < end; ++p) {
    const float *plane = AT(x) + p * s->x_plane;
    float *y = AT(y) + p * s->y_plane;
    for (int32_t oy = 0; oy < s->out_h; ++oy, y += s->y_pitch) {
      pool_line(&work, plane, oy, y);
      cln_activate(y, s->out_w, CLN_ACT_OF(s));
    }
  }
}
