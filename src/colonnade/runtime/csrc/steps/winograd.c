/* Convolutions by Winograd's F(m x m, r x r) (kernels/winograd.py has the equation). An output patch of m x m elements is
 * computed from an input patch of n x n, n = m + r - 1. A position is one patch.
 *
 *   for panel of positions / for share of the output channels:       (one work item)
 *     input    every channel's patches to [n * n][channel][position]; kept for the next item if it has the same panel
 *     for tile of T output channels:
 *       multiply  n * n matrix products by the micro-kernel: sums [n * n][T][position]
 *       output    the sums to m x m outputs each; bias, residual and bounds on the way to y, other activations there
 *
 * The input's transform has three passes, a channel at a time: copy lines between zeros; transform lines, into
 * [j][i mod m][patch], i and j being the line and the column in a patch; transform columns. A patch's lines from m on are
 * the first ones of the patch below, which lies one line of patches further in that order: so whatever the width of the
 * image, vectors of neighbouring positions are full.
 */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "products.h"
#include "lines.h"

/* Where a step keeps what in a thread's scratch. */
typedef struct {
  int32_t n, patches_h, patches_w;
  int64_t positions;            /* patches of all images */
  int64_t width, panel;         /* NR; positions of a panel */
  int64_t line;                 /* floats of a padded line of inputs */
  int64_t lines;                /* of the padded image that a panel is made from, at most */
  int64_t half_step;            /* from one of the m * n transforms of lines to the next */
  int64_t data_step, sums_step; /* from one of the n * n products' operands (results) to the next */
  int64_t data_at, sums_at, half_at, lines_at, off_at, scratch_floats;
} layout;

/* Multiples of the longest vector, so that what runs over the end of a line of outputs meets no other line. */
static int64_t whole_vectors(int64_t floats) {
  return (floats + CLN_MAX_LANES - 1) / CLN_MAX_LANES * CLN_MAX_LANES;
}

/* Sizes that are too large end in CLN_ENDLESS floats of scratch, or more. */
static layout layout_of(const cln_winograd *s, int32_t lanes) {
  const int32_t m = s->m, n = m + s->kernel - 1;
  layout of = {.n = n}, *l = &of;
  l->patches_h = (s->out_h + m - 1) / m;
  l->patches_w = (s->out_w + m - 1) / m;
  l->positions = CLN_PRODUCT(s->batch, l->patches_h, l->patches_w);
  l->width = (int64_t)s->vectors * lanes;
  l->panel = s->panel * l->width;
  l->line = m * whole_vectors(l->patches_w + 1);
  int64_t lines = (l->panel < l->positions ? l->panel : l->positions) / l->patches_w + 2; /* of patches */
  if (lines > l->patches_h) lines = l->patches_h;
  l->lines = m * (lines - 1) + n;
  int64_t half = CLN_PRODUCT(lines + 1, l->patches_w);
  int64_t padded = CLN_PRODUCT(l->lines, l->line);
  int64_t data = CLN_PRODUCT(s->channels, l->panel);
  int64_t sums = CLN_PRODUCT(s->tile_rows, l->panel);
  /* Two cache lines more: powers of two would map all products to the same few sets. */
  l->half_step = whole_vectors(half) + CLN_MAX_LANES;
  l->data_step = whole_vectors(data) + CLN_MAX_LANES;
  l->sums_step = whole_vectors(sums) + CLN_MAX_LANES;
  l->data_at = 0;
  l->sums_at = l->data_at + n * n * l->data_step;
  l->half_at = l->sums_at + n * n * l->sums_step;
  l->lines_at = l->half_at + n * m * l->half_step + CLN_SLACK_FLOATS;
  l->off_at = l->lines_at + padded + CLN_SLACK_FLOATS;
  l->scratch_floats = l->off_at + s->channels + CLN_LOOKAHEAD;
  return of;
}

const char *CLN_ISA(cln_check_winograd)(cln_checker *c, const void *record) {
  const cln_winograd *s = record;
  const cln_model *m = c->model;
  CLN_TRY(cln_check_types(m, s->arithmetic, s->x_buffer, s->y_buffer));
  CLN_TRY(cln_check_output_plane(s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border));
  CLN_NEED((*m->isa->kernels[s->arithmetic].transforms)[s->m][s->kernel].lines, "no such transform");
  CLN_TRY(cln_check_kernels(m, s->arithmetic, s->tile_rows, s->vectors));
  const layout l = layout_of(s, m->lanes);
  CLN_NEED(l.positions <= CLN_MAX_POSITIONS && l.scratch_floats <= CLN_MAX_COUNT, "size out of range");
  CLN_NEED(CLN_PRODUCT(s->channels, l.panel, sizeof(float)) <= INT32_MAX, "size out of range");
  CLN_VIEW(x, cln_planes_span(CLN_PRODUCT(s->channels, s->batch), s->in_h, s->in_w, s->x_pitch, s->x_plane));
  CLN_VIEWS_OF_OUTPUTS(CLN_PRODUCT(s->rows, s->batch, s->y_plane));
  CLN_TRY(cln_check_floats(m, s->bias, s->rows));
  CLN_TRY(cln_check_floats(m, s->weights, CLN_PRODUCT(l.n, l.n, s->channels, s->rows)));
  c->scratch = l.scratch_floats;
  return NULL;
}

typedef struct {
  const cln_winograd *step;
  layout l;
  cln_products products;
  cln_transform_kernel transform_lines, transform_columns, transform_sums;
  const float *x, *weights, *bias, *residual;
  int32_t *off; /* of each channel's data, in bytes, and zeros; in scratch too */
  float *y, *data, *sums, *half, *lines; /* the last four in scratch */
  int64_t tiles; /* of output channels */
  int64_t held; /* panel whose data are in scratch */
  int64_t begin, count; /* its positions */
  int64_t sum_rows[CLN_MAX_ROWS];
} work;

/* `count` lines of the padded image from line `first` on. The paddings left and right are zero already. */
static void fetch_lines(const work *w, const float *image, int64_t first, int64_t count) {
  const cln_winograd *s = w->step;
  const int64_t room = w->l.line - s->pad_left;
  const int32_t n = (int32_t)(s->in_w < room ? s->in_w : room);
  if (n <= 0) return;
  float *to = w->lines + s->pad_left;
  for (int64_t y = first - s->pad_top; count; ++y, --count, to += w->l.line) {
    if (y < 0 || y >= s->in_h)
      zero_floats(to, n);
    else
      copy_floats(to, image + y * s->x_pitch, n);
  }
}

/* The patches of one channel. */
static void transform_channel(const work *w, const float *x, float *to) {
  const cln_winograd *s = w->step;
  const int64_t across = w->l.patches_w;
  cln_piece p;
  for (int64_t at = 0; at < w->count; at += p.count) {
    p = cln_piece_at(w->begin, w->count, at, w->l.patches_h * across, w->count);
    int64_t row = p.first / across, rows = (p.first + p.count - 1) / across - row + 1; /* of patches */
    int64_t lines = s->m * (rows - 1) + w->l.n;
    fetch_lines(w, x + p.unit * s->x_plane, s->m * row, lines);
    w->transform_lines(&(cln_transform){
        .x = w->lines,
        .x_step = w->l.line,
        .y = w->half,
        .y_step = w->l.half_step,
        .down = across,
        .lines = lines,
        .count = (size_t)across,
    });
    w->transform_columns(&(cln_transform){
        .x = w->half + p.first % across,
        .x_step = w->l.half_step,
        .y = to + at,
        .y_step = w->l.data_step,
        .down = across,
        .count = (size_t)p.count,
    });
  }
}

/* Channel after channel: a transform that writes whole vectors writes into the next one, or past the last. */
static void transform_panel(const work *w) {
  const cln_winograd *s = w->step;
  const int64_t plane = (int64_t)s->batch * s->x_plane;
  memset(w->lines, 0, (size_t)(w->l.lines * w->l.line) * sizeof *w->lines);
  for (int32_t c = 0; c < s->channels; ++c) transform_channel(w, w->x + c * plane, w->data + c * w->l.panel);
}

/* All products of `rows` output channels: sums [n * n][T][position]. */
static void multiply(const work *w, int32_t rows, const float *weights) {
  cln_strip_args a = {
      .off = w->off, .n = (size_t)w->step->channels, .y_rows = w->sum_rows, .lo = -INFINITY, .hi = INFINITY, .w = weights};
  for (int32_t e = 0; e < w->l.n * w->l.n; ++e, a.w += (int64_t)w->step->channels * rows)
    cln_multiply(&w->products, rows, &a, w->data + e * w->l.data_step, w->sums + e * w->l.sums_step, w->count);
}

/* The outputs of one channel's patches. */
static void output_channel(const work *w, const float *sums, int32_t channel) {
  const cln_winograd *s = w->step;
  const cln_act act = CLN_ACT_OF(s);
  const bool bounds = act.kind == CLN_ACT_CLAMP; /* which the transform does */
  cln_piece p;
  for (int64_t at = 0; at < w->count; at += p.count) {
    p = cln_piece_at(w->begin, w->count, at, w->l.patches_w, w->count);
    int64_t plane = ((int64_t)channel * s->batch + p.unit / w->l.patches_h) * s->y_plane;
    int32_t x = (int32_t)(s->m * p.first), y = (int32_t)(s->m * (p.unit % w->l.patches_h));
    int32_t n = s->m * p.count < s->out_w - x ? (int32_t)(s->m * p.count) : s->out_w - x;
    int32_t lines = s->m < s->out_h - y ? s->m : s->out_h - y;
    int64_t to = plane + (int64_t)y * s->y_pitch + x;
    w->transform_sums(&(cln_transform){
        .x = sums + at,
        .x_step = w->l.sums_step,
        .y = w->y + to,
        .r = w->residual ? w->residual + to : NULL,
        .y_step = s->y_pitch,
        .lines = lines,
        .width = n,
        .count = (size_t)p.count,
        .bias = w->bias[channel],
        .lo = bounds ? act.lo : -INFINITY,
        .hi = bounds ? act.hi : INFINITY,
    });
    for (int32_t i = 0; i < lines; ++i) {
      float *line = w->y + to + (int64_t)i * s->y_pitch;
      if (!bounds) cln_activate(line, n, act);
      if (x + n == s->out_w)
        zero_around(w->y + plane, y + i, s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border);
    }
  }
}

/* One claim: a panel and one of `shares` of the tiles of output channels. */
static void run_item(work *w, int64_t item, int64_t shares) {
  const cln_winograd *s = w->step;
  int64_t panel = item / shares, share = item % shares;
  if (w->held != panel) {
    w->held = panel;
    w->begin = panel * w->l.panel;
    w->count = w->l.positions - w->begin < w->l.panel ? w->l.positions - w->begin : w->l.panel;
    transform_panel(w);
  }
  for (int64_t t = share * w->tiles / shares; t < (share + 1) * w->tiles / shares; ++t) {
    int32_t first = (int32_t)t * s->tile_rows, rows = s->rows - first < s->tile_rows ? s->rows - first : s->tile_rows;
    multiply(w, rows, w->weights + (int64_t)first * w->l.n * w->l.n * w->step->channels);
    for (int32_t i = 0; i < rows; ++i) output_channel(w, w->sums + i * w->l.panel, first + i);
  }
}

void CLN_ISA(cln_run_winograd)(cln_session *session, int32_t task, int thread) {
  const cln_model *model = session->model;
  const cln_winograd *s = model->tasks[task].record;
  float *scratch = cln_scratch(session, thread);
  const cln_kernels *kernels = model->isa->kernels + s->arithmetic;
  work w = {
      .step = s,
      .products = {.kernels = kernels->tiles, .tile_rows = s->tile_rows, .lanes = model->lanes},
      .x = cln_at(session, task, s->x_buffer, s->x_at),
      .weights = cln_constants(model, s->weights),
      .bias = cln_constants(model, s->bias),
      .residual = s->r_buffer < 0 ? NULL : cln_at(session, task, s->r_buffer, s->r_at),
      .y = cln_at(session, task, s->y_buffer, s->y_at),
      .transform_lines = (*kernels->transforms)[s->m][s->kernel].lines,
      .transform_columns = (*kernels->transforms)[s->m][s->kernel].columns,
      .transform_sums = (*kernels->transforms)[s->m][s->kernel].output,
      .held = -1,
      .l = layout_of(s, model->lanes),
      .tiles = (s->rows + s->tile_rows - 1) / s->tile_rows,
  };
  w.products.width = w.l.width;
  w.data = scratch + w.l.data_at;
  w.sums = scratch + w.l.sums_at;
  w.half = scratch + w.l.half_at;
  w.lines = scratch + w.l.lines_at;
  w.off = (int32_t *)(scratch + w.l.off_at);
  for (int32_t c = 0; c < s->channels + CLN_LOOKAHEAD; ++c)
    w.off[c] = c < s->channels ? (int32_t)(c * w.l.panel * (int64_t)sizeof(float)) : 0;
  for (int32_t t = 0; t < s->tile_rows; ++t) w.sum_rows[t] = t * w.l.panel;
  int64_t panels = (w.l.positions + w.l.panel - 1) / w.l.panel, shares = cln_shares(session, panels, w.tiles), item;
  while ((item = cln_claim(session, task, 0, thread, panels * shares)) >= 0) run_item(&w, item, shares);
}
