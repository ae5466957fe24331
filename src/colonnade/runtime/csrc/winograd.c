/* Convolutions by Winograd's F(m x m, r x r) (kernels/winograd.py has the equation).
 *
 *   for panel of tile positions / for share of the output channels:       (one work item)
 *     input    every channel's tiles to [n * n][channel][position]; kept for the next item if it has the same panel
 *     for tile of T output channels:
 *       multiply  n * n matrix products by the micro-kernel: sums [n * n][T][position]
 *       output    the sums to m x m outputs each; bias, residual and activation on the way to y
 *
 * A tile's data are columns m * tx + j of the padded input, so rows are first split by column modulo m: then neighbours
 * in a vector are neighbouring tiles. Outputs are merged the same way.
 *
 * With a stride s the input's rows and columns modulo s are s * s inputs, each with every s-th row and column of the kernel:
 * where products are concerned, `channel` means one of these. */
#include "winograd.h"

#include "activation.h"
#include "isa.h"
#include "rows.h"

typedef struct {
  const cln_winograd *step;
  cln_winograd_layout l;
  const cln_kernel_grid *kernels;
  const float *x, *weights, *bias, *residual;
  const int32_t *off;
  float *y, *data, *sums, *rows, *line, *block; /* the last five in scratch */
  void (*input)(const cln_transform *);
  void (*output)(const cln_transform *);
  int64_t tiles; /* of output channels */
  int64_t held; /* panel whose data are in scratch */
  int64_t begin, count; /* its positions */
  int32_t lanes;
  int64_t sum_rows[CLN_MAX_ROWS];
} work;

/* Tiles of a panel that lie in one row of tiles. */
typedef struct {
  int64_t image, at; /* at: of the first one, in the panel */
  int32_t ty, tx, count;
} piece;

static piece clipped(const work *w, piece p) {
  int64_t left = w->count - p.at;
  p.count = w->l.tiles_w - p.tx < left ? w->l.tiles_w - p.tx : (int32_t)left;
  return p;
}

static piece first_piece(const work *w) {
  int64_t line = w->begin / w->l.tiles_w;
  return clipped(w, (piece){.image = line / w->l.tiles_h,
                            .ty = (int32_t)(line % w->l.tiles_h),
                            .tx = (int32_t)(w->begin % w->l.tiles_w)});
}

/* Of count 0 after the last one. */
static piece next_piece(const work *w, piece p) {
  bool last = p.ty + 1 == w->l.tiles_h;
  return clipped(w, (piece){.image = p.image + last, .at = p.at + p.count, .ty = last ? 0 : p.ty + 1});
}

/* Loops over rows in scratch run over their end to a multiple of this, so that compilers make no scalar tail. */
enum { GROUP = 16 };

static inline int32_t whole_groups(int32_t n) { return (n + GROUP - 1) / GROUP * GROUP; }

/* to[j][i] = line[i * m + j], i < n at least */
static inline void split_by(float *restrict to, const float *restrict line, int64_t phase, int32_t n, int32_t m) {
  for (int32_t i = 0; i < whole_groups(n); ++i)
    for (int32_t j = 0; j < m; ++j) to[j * phase + i] = line[i * m + j];
}

/* line[i * m + j] = from[j][i], i < n at least */
static inline void merge_by(float *restrict line, const float *restrict from, int64_t phase, int32_t n, int32_t m) {
  for (int32_t i = 0; i < whole_groups(n); ++i)
    for (int32_t j = 0; j < m; ++j) line[i * m + j] = from[j * phase + i];
}

static bool in_image(const cln_winograd *s, int32_t y) { return y >= s->pad_top && y - s->pad_top < s->in_h; }

/* Of row y of the padded image, if it is no padding, columns px, px + stride, ... The line's paddings left and right are
 * zero already. */
static void fetch_row(const work *w, const float *image, int32_t y, int32_t px, float *line) {
  const cln_winograd *s = w->step;
  const int32_t padding = s->pad_left > px ? (s->pad_left - px + s->stride - 1) / s->stride : 0;
  const int32_t x = padding * s->stride + px - s->pad_left, n = (s->in_w - x + s->stride - 1) / s->stride;
  const int64_t room = s->m * w->l.phase - padding;
  if (room <= 0 || x >= s->in_w || !in_image(s, y)) return;
  const float *from = image + (int64_t)(y - s->pad_top) * s->x_pitch + x;
  copy_every(line + padding, from, n < room ? n : (int32_t)room, s->stride);
}

static void split_row(const work *w, const float *line, int32_t y, float *to) {
  const int32_t n = w->l.tiles_w + 1, m = w->step->m;
  const int64_t phase = w->l.phase;
  if (!in_image(w->step, y)) {
    zero_floats(to, (int32_t)(m * phase));
    return;
  }
  switch (m) { /* a constant makes vector code */
    case 2: split_by(to, line, phase, n, 2); break;
    case 3: split_by(to, line, phase, n, 3); break;
    case 4: split_by(to, line, phase, n, 4); break;
    default: split_by(to, line, phase, n, m);
  }
}

/* The tiles of one channel's rows py, py + stride, ... and columns px, px + stride, ... The rows that two tiles share are
 * split once, and all lines fetched before the first is split: a vector that spans several stores has to wait for the last
 * of them. */
static void transform_channel(const work *w, const float *x, int32_t py, int32_t px, float *to) {
  const cln_winograd *s = w->step;
  int64_t row_floats = s->m * w->l.phase;
  int32_t first = 0; /* of the n rows in the ring */
  for (piece p = first_piece(w); p.count; p = next_piece(w, p)) {
    const float *image = x + p.image * s->x_plane;
    const bool follows = p.at && p.ty;
    first = follows ? (first + s->m) % w->l.n : 0;
    const float *rows[CLN_MAX_WINOGRAD_SIDE];
    const int32_t fresh = follows ? w->l.n - s->m : 0, top = s->m * p.ty;
    for (int32_t i = fresh; i < w->l.n; ++i)
      fetch_row(w, image, (top + i) * s->stride + py, px, w->line + i * row_floats);
    for (int32_t i = 0; i < w->l.n; ++i) {
      float *row = w->rows + (first + i) % w->l.n * row_floats;
      if (i >= fresh) split_row(w, w->line + i * row_floats, (top + i) * s->stride + py, row);
      rows[i] = row + p.tx;
    }
    w->input(&(cln_transform){
        .rows = rows,
        .x_step = w->l.phase,
        .y = to + p.at,
        .y_step = w->l.data_step,
        .count = (size_t)p.count,
    });
  }
}

/* Channel after channel: a transform that writes whole vectors writes into the next one. */
static void transform_panel(const work *w) {
  const cln_winograd *s = w->step;
  int64_t plane = (int64_t)s->batch * s->x_plane;
  float *to = w->data;
  const size_t lines = (size_t)(w->l.n * s->m * w->l.phase) * sizeof *w->line;
  for (int32_t c = 0; c < s->channels; ++c)
    for (int32_t py = 0; py < s->stride; ++py)
      for (int32_t px = 0; px < s->stride; ++px, to += w->l.panel) {
        if (!c || s->stride > 1) memset(w->line, 0, lines); /* paddings of a line */
        transform_channel(w, w->x + c * plane, py, px, to);
      }
}

/* All products of `rows` output channels: sums [n * n][T][position]. */
static void multiply(const work *w, int32_t rows, const float *weights) {
  const cln_winograd *s = w->step;
  cln_tile a = {
      .off = w->off, .n = (size_t)w->l.channels, .y_rows = w->sum_rows, .lo = -INFINITY, .hi = INFINITY, .w = weights};
  for (int32_t e = 0; e < w->l.n * w->l.n; ++e, a.w += w->l.channels * rows) {
    for (int64_t at = 0; at < w->count; at += w->l.width) {
      int64_t left = w->count - at < w->l.width ? w->count - at : w->l.width;
      int32_t vectors = (int32_t)((left + w->lanes - 1) / w->lanes);
      while (!(*w->kernels)[s->tile_rows][vectors]) ++vectors; /* step->vectors is one */
      a.x = w->data + e * w->l.data_step + at;
      a.y = w->sums + e * w->l.sums_step + at;
      a.count = (size_t)left;
      (*w->kernels)[rows][vectors](&a);
    }
  }
}

/* y[i] = act(line[i] + bias + r[i]), i < n; r may be y. `more` is room for a line. */
static void finish_row(float *restrict line, float *restrict more, float bias, const float *r, float *y, int32_t n,
                       cln_act act) {
  const int32_t whole = whole_groups(n);
  if (r) {
    copy_floats(more, r, n);
    for (int32_t i = 0; i < whole; ++i) line[i] += more[i];
  }
  if (act.kind == CLN_ACT_CLAMP) {
    for (int32_t i = 0; i < whole; ++i) line[i] = cln_clamp(line[i] + bias, act.lo, act.hi);
  } else {
    for (int32_t i = 0; i < whole; ++i) line[i] += bias;
    cln_activate(line, line, n, act);
  }
  copy_floats(y, line, n);
}

/* Row i of `count` tiles in a line. */
static void merge(const work *w, int32_t i, int32_t count) {
  const float *from = w->block + i * w->step->m * w->l.phase;
  switch (w->step->m) {
    case 2: merge_by(w->line, from, w->l.phase, count, 2); break;
    case 3: merge_by(w->line, from, w->l.phase, count, 3); break;
    case 4: merge_by(w->line, from, w->l.phase, count, 4); break;
    default: merge_by(w->line, from, w->l.phase, count, w->step->m);
  }
}

/* The outputs of one channel's tiles. */
static void output_channel(const work *w, const float *sums, int32_t channel) {
  const cln_winograd *s = w->step;
  const int64_t phase = w->l.phase;
  const cln_act act = CLN_ACT_OF(s);
  for (piece p = first_piece(w); p.count; p = next_piece(w, p)) {
    w->output(&(cln_transform){
        .x = sums + p.at, .x_step = w->l.sums_step, .y = w->block, .y_step = phase, .count = (size_t)p.count});
    int64_t plane = ((int64_t)channel * s->batch + p.image) * s->y_plane;
    int32_t x = s->m * p.tx, n = s->m * p.count < s->out_w - x ? s->m * p.count : s->out_w - x;
    for (int32_t i = 0; i < s->m && s->m * p.ty + i < s->out_h; ++i) {
      int32_t line = s->m * p.ty + i;
      int64_t at = plane + (int64_t)line * s->y_pitch + x;
      const float *residual = w->residual ? w->residual + at : NULL;
      merge(w, i, p.count);
      finish_row(w->line, w->rows, w->bias[channel], residual, w->y + at, n, act);
      if (x + n == s->out_w)
        zero_around(w->y + plane, line, s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border);
    }
  }
}

/* One claim: a panel and one of `parts` of the tiles of output channels. */
static void run_item(work *w, int64_t item, int64_t parts) {
  const cln_winograd *s = w->step;
  int64_t panel = item / parts, part = item % parts;
  if (w->held != panel) {
    w->held = panel;
    w->begin = panel * w->l.panel;
    w->count = w->l.positions - w->begin < w->l.panel ? w->l.positions - w->begin : w->l.panel;
    transform_panel(w);
  }
  for (int64_t t = part * w->tiles / parts; t < (part + 1) * w->tiles / parts; ++t) {
    int32_t first = (int32_t)t * s->tile_rows, rows = s->rows - first < s->tile_rows ? s->rows - first : s->tile_rows;
    multiply(w, rows, w->weights + first * (w->l.n * w->l.n * w->l.channels));
    for (int32_t i = 0; i < rows; ++i) output_channel(w, w->sums + i * w->l.panel, first + i);
  }
}

void CLN_ISA(cln_run_winograd)(cln_session *session, int32_t order, int thread) {
  const cln_model *model = session->model;
  const cln_winograd *s = model->order[order].record;
  float *scratch = session->scratch + thread * model->scratch_floats;
  const cln_winograd_transforms *all = model->isa->transforms;
  work w = {
      .step = s,
      .kernels = model->isa->kernels,
      .x = cln_at(session, order, s->x_buffer, s->x_at),
      .weights = model->floats + s->weights,
      .bias = model->floats + s->bias,
      .residual = s->r_buffer < 0 ? NULL : cln_at(session, order, s->r_buffer, s->r_at),
      .off = model->ints + s->off_table,
      .y = cln_at(session, order, s->y_buffer, s->y_at),
      .input = (*all)[s->m][cln_winograd_taps(s)].input,
      .output = (*all)[s->m][cln_winograd_taps(s)].output,
      .held = -1,
      .tiles = (s->rows + s->tile_rows - 1) / s->tile_rows,
      .lanes = model->lanes,
  };
  cln_winograd_layout_of(s, model->lanes, &w.l); /* has been checked */
  w.data = scratch + w.l.data_at;
  w.sums = scratch + w.l.sums_at;
  w.rows = scratch + w.l.rows_at;
  w.line = scratch + w.l.line_at;
  w.block = scratch + w.l.block_at;
  for (int32_t t = 0; t < s->tile_rows; ++t) w.sum_rows[t] = t * w.l.panel;
  int64_t panels = (w.l.positions + w.l.panel - 1) / w.l.panel, parts = cln_parts(session, panels, w.tiles), item;
  while ((item = cln_claim(session, order, 0, thread, panels * parts)) >= 0) run_item(&w, item, parts);
}
