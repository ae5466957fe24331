/* Depthwise convolutions: each plane of outputs from one plane of inputs, by the window kernels (kernels/depthwise.py).
 *
 *   for plane:                                                       (a few are one work item)
 *     for band of output lines:
 *       pad      the input lines to scratch, split by column modulo the stride; x with borders is read as it is
 *       compute  for R lines of the band: one call for all columns; the last R lines of a plane end where it does
 *
 * Kernels with lane masks need no padded lines: they take pointers to lines of x, or to zeros, and compute whole planes or
 * bands.
 *
 * Vectors that are longer than a line run over its end, into lines that are computed after it. Where they would run over the
 * plane's end as well, outputs take the way through a small buffer. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "lines.h"

enum { ITEM_FLOATS = 1 << 13 }; /* of outputs of one work item, about: small planes are claimed several at a time */

/* Of a band's padded lines, about: half of a first-level cache. */
enum { BAND_FLOATS = 4096 };

typedef struct {
  int32_t band;         /* lines of outputs whose input is padded at a time */
  int32_t width;        /* NR; 0 if of any length */
  int32_t pitch, odd; /* floats from line to line of the data that windows are read from, and to the odd columns */
  int32_t lead, line;    /* before the first padded line, so that x begins at cache lines; of one phase of a line */
  int64_t edge_at;      /* outputs that would run over their plane's end; the padded lines come first */
  int32_t lines;        /* lines of input that a plane of outputs reads, padding and all */
  int64_t table_at, scratch_floats; /* pointers to these */
} layout;

/* Where a step keeps what in a thread's scratch. Sizes that are too large end in CLN_ENDLESS floats of it, or more. */
static layout layout_of(const cln_depthwise *s, const cln_isa *isa) {
  const int32_t vectors = s->vectors * isa->vector_bytes / (int32_t)sizeof(float);
  const int32_t outputs = s->out_w > vectors ? s->out_w : vectors;
  layout of = {.width = vectors, .band = s->out_h, .pitch = s->x_pitch}, *l = &of;
  if (!s->direct) {
    int32_t even = (s->pad_left + s->stride - 1) / s->stride, odd = s->pad_left / s->stride; /* padding of a phase */
    l->line = outputs + (s->kernel - 1) / s->stride;
    l->lead = (int32_t)cln_whole_lines(even) - even;
    l->odd = (int32_t)cln_whole_lines(l->line) + even - odd;
    l->pitch = (int32_t)cln_whole_lines((s->stride - 1) * l->odd + l->line);
    int32_t fits = (BAND_FLOATS / l->pitch - s->kernel) / s->stride + 1;
    l->band = fits > s->lines ? fits / s->lines * s->lines : s->lines;
    l->edge_at = CLN_PRODUCT((l->band - 1) * s->stride + s->kernel + 1, l->pitch);
  }
  l->lines = (s->out_h - 1) * s->stride + s->kernel;
  l->table_at = cln_whole_lines(l->edge_at + s->lines * (int64_t)vectors + CLN_SLACK_FLOATS);
  l->scratch_floats = l->table_at + l->lines * (int64_t)sizeof(float *) / (int64_t)sizeof(float);
  return of;
}

/* The window kernel asked for. */
static cln_window_kernel kernel_of(const cln_depthwise *s, const cln_isa *isa) {
  return (*isa->kernels[s->arithmetic].windows)[s->kernel][s->stride][s->lines][s->vectors];
}

/* Where windows are read from x as it is: all of it, and what whole vectors run over its end. */
static const char *check_direct(const cln_depthwise *s, const cln_model *m, const layout *l, int64_t planes) {
  const int32_t lines = s->out_h + s->kernel - 1, width = (s->out_w > l->width ? s->out_w : l->width) + s->kernel - 1;
  CLN_NEED(s->stride == 1, "a stride in data that are read as they are");
  const int64_t read = cln_planes_span(planes, lines, width, s->x_pitch, s->x_plane);
  CLN_NEED(read <= cln_readable(m, s->x_buffer, s->x_at), "x: data outside its buffer");
  return NULL;
}

const char *CLN_ISA(cln_check_depthwise)(cln_checker *c, const void *record) {
  const cln_depthwise *s = record;
  const cln_model *m = c->model;
  CLN_TRY(cln_check_types(m, s->arithmetic, s->x_buffer, s->y_buffer));
  const int64_t planes = CLN_PRODUCT(s->channels, s->batch);
  CLN_NEED(kernel_of(s, m->isa), "no such micro-kernel");
  CLN_NEED(s->out_h >= s->lines, "fewer lines than the micro-kernel computes");
  CLN_NEED(CLN_PRODUCT(s->out_h, s->stride) < INT32_MAX / 2, "size out of range");
  CLN_TRY(cln_check_output_plane(s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border));
  const layout l = layout_of(s, m->isa);
  if (s->direct) CLN_TRY(check_direct(s, m, &l, planes));
  else CLN_VIEW(x, cln_planes_span(planes, s->in_h, s->in_w, s->x_pitch, s->x_plane));
  CLN_VIEW_FROM(y, s->y_border, CLN_PRODUCT(planes, s->y_plane));
  CLN_TRY(cln_check_floats(m, s->bias, s->channels));
  CLN_TRY(cln_check_floats(m, s->weights, CLN_PRODUCT(s->channels, s->kernel, s->kernel)));
  c->scratch = l.scratch_floats;
  return NULL;
}

typedef struct {
  const cln_depthwise *step;
  layout l;
  cln_window_kernel kernel;
  cln_window a; /* what is equal for all calls */
  line_span spans[CLN_MAX_WINDOW_STRIDE]; /* of the phases of a padded line */
  const float *x, *weights, *bias;
  float *y, *rows, *edge; /* the last two in scratch, and the table */
  const float **table; /* of lines of x, for kernels with lane masks; those beside the image are w->rows, zeros */
  int32_t first_inside, end_inside; /* of the table: lines of the image */
  bool masks_lanes;
} work;

/* The lines of a plane of x that outputs first .. first + count - 1 are computed from. Their paddings left and right are
 * zero already. */
static void pad_band(const work *w, const float *x, int32_t first, int32_t count) {
  const cln_depthwise *s = w->step;
  float *to = w->rows + w->l.lead;
  int32_t y = first * s->stride - s->pad_top, end = y + (count - 1) * s->stride + s->kernel;
  for (; y < end; ++y, to += w->l.pitch) {
    if (y < 0 || y >= s->in_h) {
      zero_floats(to, (s->stride - 1) * w->l.odd + w->l.line);
      continue;
    }
    const float *from = x + (int64_t)y * s->x_pitch;
    if (s->stride == 2)
      split_line(to, to + w->l.odd, w->l.line, from, w->spans, true);
    else
      pad_line(to, w->l.line, from, w->spans[0], 1, true);
  }
}

/* R lines of outputs, the first at `line` of the plane y. */
static void compute_lines(const work *w, cln_window a, float *y, int32_t line) {
  const cln_depthwise *s = w->step;
  const cln_act act = CLN_ACT_OF(s);
  float *rows = y + (int64_t)line * s->y_pitch;
  bool over = s->out_w < w->l.width &&
              (int64_t)(line + s->lines - 1) * s->y_pitch + w->l.width > s->y_plane - s->y_border;
  a.y = over ? w->edge : rows;
  a.y_pitch = over ? w->l.width : s->y_pitch;
  w->kernel(&a);
  if (!over && act.kind == CLN_ACT_CLAMP) return;
  for (int32_t r = 0; r < s->lines; ++r, rows += s->y_pitch) {
    if (over) copy_floats(rows, w->edge + r * (int64_t)w->l.width, s->out_w);
    if (act.kind != CLN_ACT_CLAMP) cln_activate(rows, s->out_w, act);
  }
}

static void run_masked(const work *w, cln_window a, const float *x, float *y) {
  const cln_depthwise *s = w->step;
  const cln_act act = CLN_ACT_OF(s);
  for (int32_t i = w->first_inside; i < w->end_inside; ++i) w->table[i] = x + (int64_t)(i - w->first_inside) * s->x_pitch;
  /* Where a line has several strips, few lines at a time, so that memory is read about in order. */
  const int32_t band = s->out_w > w->l.width ? 2 * s->lines : s->out_h;
  for (int32_t first = 0; first < s->out_h; first += band) {
    const int32_t line = first + s->lines <= s->out_h ? first : s->out_h - s->lines;
    a.lines_of_x = w->table + line * s->stride;
    a.lines = band < s->out_h - line ? band : s->out_h - line;
    a.y = y + (int64_t)line * s->y_pitch;
    w->kernel(&a);
  }
  for (int32_t line = 0; line < s->out_h && act.kind != CLN_ACT_CLAMP; ++line, y += s->y_pitch)
    cln_activate(y, s->out_w, act);
}

static void run_padded(const work *w, cln_window a, const float *x, float *y) {
  const cln_depthwise *s = w->step;
  for (int32_t first = 0; first < s->out_h; first += w->l.band) {
    int32_t count = s->out_h - first < w->l.band ? s->out_h - first : w->l.band;
    int32_t begin = count < s->lines ? s->out_h - s->lines : first, end = first + count;
    if (!s->direct) pad_band(w, x, begin, end - begin);
    const float *rows = s->direct ? x + (int64_t)begin * s->x_pitch : w->rows + w->l.lead;
    for (int32_t line = begin; line < end; line += s->lines) {
      int32_t at = line + s->lines <= end ? line : end - s->lines;
      a.x = rows + (int64_t)(at - begin) * s->stride * w->l.pitch;
      compute_lines(w, a, y, at);
    }
  }
}

static void run_plane(const work *w, int64_t plane) {
  const cln_depthwise *s = w->step;
  const float *x = w->x + plane * s->x_plane;
  float *y = w->y + plane * s->y_plane;
  int64_t channel = plane / s->batch;
  cln_window a = w->a;
  a.w = w->weights + channel * s->kernel * s->kernel;
  a.bias = w->bias[channel];
  if (w->masks_lanes)
    run_masked(w, a, x, y);
  else
    run_padded(w, a, x, y);
  if (s->y_plane > s->out_h * (int64_t)s->out_w)
    for (int32_t line = 0; line < s->out_h; ++line)
      zero_around(y, line, s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border);
}

void CLN_ISA(cln_run_depthwise)(cln_session *session, int32_t task, int thread) {
  const cln_model *model = session->model;
  const cln_depthwise *s = model->tasks[task].record;
  const cln_act act = CLN_ACT_OF(s);
  const bool clamp = act.kind == CLN_ACT_CLAMP;
  const int32_t pad = s->direct ? 0 : s->pad_left;
  const int64_t used = (int64_t)(s->out_w - 1) * s->stride + s->kernel - pad; /* columns of x */
  work w = {
      .step = s,
      .kernel = kernel_of(s, model->isa),
      .l = layout_of(s, model->isa),
      .masks_lanes = model->isa->masks_lanes,
      .x = cln_at(session, task, s->x_buffer, s->x_at),
      .weights = cln_constants(model, s->weights),
      .bias = cln_constants(model, s->bias),
      .y = cln_at(session, task, s->y_buffer, s->y_at),
      .rows = cln_scratch(session, thread),
  };
  w.edge = w.rows + w.l.edge_at;
  w.table = (const float **)(void *)(w.rows + w.l.table_at);
  for (int32_t phase = 0; phase < s->stride; ++phase)
    w.spans[phase] = span_of_line(w.l.line, s->in_w, phase - s->pad_left, s->stride);
  w.a = (cln_window){
      .pitch = w.l.pitch,
      .odd = w.l.odd,
      .pad = pad,
      .n = s->direct || used < s->in_w ? (int32_t)used : s->in_w,
      .y_pitch = s->y_pitch,
      .lo = clamp ? act.lo : -INFINITY,
      .hi = clamp ? act.hi : INFINITY,
      .count = (size_t)s->out_w,
  };
  memset(w.rows, 0, (size_t)w.l.edge_at * sizeof *w.rows);
  w.first_inside = s->direct ? 0 : s->pad_top < w.l.lines ? s->pad_top : w.l.lines;
  w.end_inside = s->direct || w.l.lines - w.first_inside < s->in_h ? w.l.lines : w.first_inside + s->in_h;
  for (int32_t i = 0; i < w.l.lines && w.masks_lanes; ++i) w.table[i] = w.rows;
  const int64_t planes = (int64_t)s->channels * s->batch, most = ITEM_FLOATS / ((int64_t)s->out_h * s->out_w) + 1;
  const int64_t fair = planes / (CLN_ITEMS_PER_THREAD * session->threads) + 1, each = most < fair ? most : fair;
  int64_t item;
  while ((item = cln_claim(session, task, 0, thread, (planes + each - 1) / each)) >= 0)
    for (int64_t plane = item * each; plane < (item + 1) * each && plane < planes; ++plane) run_plane(&w, plane);
}
