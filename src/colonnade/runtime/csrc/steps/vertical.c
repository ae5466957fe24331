/* Convolutions by Winograd's F(m, r) down the lines of the image (kernels/vertical.py has the equation). A patch is m lines
 * of outputs one below the other, computed from n = m + r - 1 lines of inputs; a line of patches takes the whole width of an
 * image.
 *
 *   for panel of lines of patches / for share of the output channels:       (one work item)
 *     in        every m lines of every channel to a line of each of n transforms; kept for the next item of the same panel
 *     for tile of T output channels:
 *       multiply  n products by the micro-kernel, each a convolution of height 1
 *       out       the sums to m lines of outputs; bias, residual and bounds on the way to y, other activations there
 *
 * Lines of x are read where they lie, whole vectors of them, for which x has slack. Those of stride 2 are padded and split
 * in scratch first, and those of a caller's own array, which has no slack, are copied. With stride_h 2 the even and the odd
 * lines of a channel are two channels, each with every second line of the kernel. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "products.h"
#include "lines.h"

/* Padded lines of which a call of a transform is made, at most. */
enum { LINES = 64 };

typedef struct {
  int32_t n, patches_h;
  int64_t total, panel;        /* lines of patches, of all images; of a panel */
  int64_t planes;              /* of a transform: phases of all channels */
  int64_t pitch, plane;        /* floats from line to line, from plane to plane */
  int64_t positions, width;    /* of a panel; NR */
  int64_t data_step;           /* from one of the n transforms to the next */
  int64_t sum_row, sums_step;  /* from one row's sums to the next; from one product to the next */
  int64_t line;                /* floats of a line that is copied */
  int64_t weight_lines;
  int64_t data_at, sums_at, lines_at, zeros_at, off_at, scratch_floats;
} layout;

/* r: weights of a line. */
static int32_t taps_of(const cln_vertical *s) { return (s->kernel_h + s->stride_h - 1) / s->stride_h; }

/* Floats from line to line of a transform. */
static int64_t pitch_of(const cln_vertical *s) {
  if (s->stride_w > 1) return (int64_t)s->out_w + (s->kernel_w - 1) / s->stride_w;
  int64_t padded = (int64_t)s->in_w + (s->pad_left > s->pad_right ? s->pad_left : s->pad_right);
  return padded > s->out_w ? padded : s->out_w;
}

/* Where a step keeps what in a thread's scratch. Sizes that are too large end in CLN_ENDLESS floats of it, or more.
 *
 * One of n transforms is [channel][phase of lines][phase of columns][line of patches][pitch], a plane for each phase: element j
 * of a line is the padded input's column j * stride_w + phase, so the weight line (c, phase, column x) lies x / stride_w
 * floats into that of phase x mod stride_w. With stride_w 1 the padding at the end of a line is that before the next one. */
static layout layout_of(const cln_vertical *s, int32_t lanes) {
  layout of = {.n = s->m + taps_of(s) - 1}, *l = &of;
  l->patches_h = (s->out_h + s->m - 1) / s->m;
  l->total = (int64_t)s->batch * l->patches_h;
  l->panel = s->panel < l->total ? s->panel : l->total;
  l->pitch = pitch_of(s);
  int64_t left = s->stride_w > 1 ? 0 : s->pad_left, rows = CLN_PRODUCT(l->panel, l->pitch);
  /* A line that runs over the end of one phase must not meet another, whose lines may be there already. */
  l->plane = cln_whole_lines(left + rows + (s->stride_w > 1 ? CLN_MAX_LANES : 0));
  l->planes = CLN_PRODUCT(s->channels, s->stride_h, s->stride_w);
  l->weight_lines = CLN_PRODUCT(s->channels, s->stride_h, s->kernel_w);
  l->positions = rows - l->pitch + s->out_w;
  l->width = (int64_t)s->vectors * lanes;
  l->sum_row = (l->positions + l->width - 1) / l->width * l->width;
  int64_t data = CLN_PRODUCT(l->planes, l->plane);
  int64_t sums = CLN_PRODUCT(s->tile_rows, l->sum_row);
  /* Two cache lines more: powers of two would map all products to the same few sets. */
  l->data_step = cln_whole_lines(data) + CLN_MAX_LANES;
  l->sums_step = cln_whole_lines(sums) + CLN_MAX_LANES;
  l->line = cln_whole_lines(l->pitch > s->in_w ? l->pitch : s->in_w) + CLN_MAX_LANES;
  l->data_at = 0;
  l->sums_at = l->data_at + l->n * l->data_step + cln_whole_lines(l->plane + l->width);
  l->lines_at = l->sums_at + l->n * l->sums_step + CLN_MAX_LANES;
  l->zeros_at = l->lines_at + LINES * s->stride_w * l->line;
  l->off_at = l->zeros_at + l->line + CLN_SLACK_FLOATS;
  l->scratch_floats = l->off_at + l->weight_lines + CLN_LOOKAHEAD;
  return of;
}

const char *CLN_ISA(cln_check_vertical)(cln_checker *c, const void *record) {
  const cln_vertical *s = record;
  const cln_model *m = c->model;
  CLN_TRY(cln_check_types(m, s->arithmetic, s->x_buffer, s->y_buffer));
  CLN_TRY(cln_check_output_plane(s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border));
  CLN_NEED(taps_of(s) <= CLN_MAX_WINOGRAD_TAPS, "no such transform");
  CLN_NEED((*m->isa->kernels[s->arithmetic].verticals)[s->m][taps_of(s)].in, "no such transform");
  CLN_TRY(cln_check_kernels(m, s->arithmetic, s->tile_rows, s->vectors));
  const layout l = layout_of(s, m->lanes);
  CLN_NEED(CLN_PRODUCT(s->batch, s->out_h, s->out_w) <= CLN_MAX_POSITIONS, "size out of range");
  CLN_NEED(l.scratch_floats <= CLN_MAX_COUNT, "size out of range");
  CLN_NEED(CLN_PRODUCT(l.planes, l.plane, sizeof(float)) <= INT32_MAX, "size out of range");
  CLN_NEED((s->kernel_w - 1) / s->stride_w < l.plane, "column outside the data");
  CLN_VIEW(x, cln_planes_span(CLN_PRODUCT(s->channels, s->batch), s->in_h, s->in_w, s->x_pitch, s->x_plane));
  CLN_VIEWS_OF_OUTPUTS(CLN_PRODUCT(s->rows, s->batch, s->y_plane));
  CLN_TRY(cln_check_floats(m, s->bias, s->rows));
  CLN_TRY(cln_check_floats(m, s->weights, CLN_PRODUCT(l.n, l.weight_lines, s->rows)));
  c->scratch = l.scratch_floats;
  return NULL;
}

typedef struct {
  const cln_vertical *step;
  layout l;
  cln_products products;
  void (*transform_lines)(const cln_vertical_in *);
  void (*transform_sums)(const cln_vertical_out *);
  const float *x, *weights, *bias, *residual;
  int32_t *off;  /* of each weight line's data, in bytes, and zeros; in scratch */
  int64_t tiles; /* of output channels */
  float *y, *data, *sums, *copies, *zeros; /* the last four in scratch */
  line_span spans[2];                      /* of a line, by phase of columns */
  bool copied;                            /* lines of x, unless they are split anyway */
  bool apart;                             /* there is more in a plane of y than outputs */
  int64_t held;                           /* panel whose data are in scratch */
  int64_t begin, count;                   /* its lines of patches */
  int64_t sum_rows[CLN_MAX_ROWS];
} work;

/* One line of the image and, of its phases of columns, where each is from then on. */
static void fetch_line(const work *w, const float *from, float *buffer, const float **at) {
  const cln_vertical *s = w->step;
  at[0] = from;
  if (s->stride_w == 2) {
    at[0] = buffer;
    at[LINES] = buffer + w->l.line;
    split_line(buffer, buffer + w->l.line, (int32_t)w->l.pitch, from, w->spans, false);
  } else if (w->copied) {
    at[0] = buffer;
    copy_floats(buffer, from, s->in_w);
  }
}

/* Lines of a phase of lines that a piece is made from: the k-th, of phase p of columns, is at[p * LINES + k]. */
static void fetch_lines(const work *w, const float *image, int32_t phase, const cln_piece *p, const float **at) {
  const cln_vertical *s = w->step;
  const int64_t count = s->m * (p->count - 1) + w->l.n, first = s->m * p->first;
  for (int64_t k = 0; k < count; ++k) {
    int64_t y = (first + k) * s->stride_h + phase - s->pad_top;
    if (y < 0 || y >= s->in_h)
      for (int32_t i = 0; i < s->stride_w; ++i) at[i * LINES + k] = w->zeros;
    else
      fetch_line(w, image + y * s->x_pitch, w->copies + k * s->stride_w * w->l.line, at + k);
  }
}

/* All transforms of one phase of lines of one channel. Whole vectors are written: into the next plane, made later, or past
 * the last. */
static void transform_channel(const work *w, const float *x, int32_t phase, float *to) {
  const cln_vertical *s = w->step;
  const bool split = s->stride_w > 1;
  const int32_t left = split ? 0 : s->pad_left, width = split ? (int32_t)w->l.pitch : s->in_w;
  const float *at[2 * LINES];
  cln_piece p;
  for (int64_t done = 0; done < w->count; done += p.count) {
    p = cln_piece_at(w->begin, w->count, done, w->l.patches_h, (LINES - w->l.n) / s->m + 1);
    fetch_lines(w, x + p.unit * s->x_plane, phase, &p, at);
    for (int32_t i = 0; i < s->stride_w; ++i)
      w->transform_lines(&(cln_vertical_in){
          .lines = at + i * LINES,
          .y = to + i * w->l.plane + left + p.at * w->l.pitch,
          .y_step = w->l.data_step,
          .pitch = w->l.pitch,
          .patches = p.count,
          .gap = (int32_t)w->l.pitch - width,
          .count = (size_t)width,
      });
  }
  for (int32_t k = 0; k < w->l.n; ++k) zero_floats(to + k * w->l.data_step, left);
}

static void transform_panel(const work *w) {
  const cln_vertical *s = w->step;
  float *to = w->data;
  for (int32_t c = 0; c < s->channels; ++c)
    for (int32_t phase = 0; phase < s->stride_h; ++phase, to += s->stride_w * w->l.plane)
      transform_channel(w, w->x + (int64_t)c * s->batch * s->x_plane, phase, to);
}

/* The outputs of one channel in the panel. */
static void output_channel(const work *w, const float *sums, int32_t channel) {
  const cln_vertical *s = w->step;
  const cln_act act = CLN_ACT_OF(s);
  const bool bounds = act.kind == CLN_ACT_CLAMP; /* which the transform does */
  cln_piece p;
  for (int64_t done = 0; done < w->count; done += p.count) {
    p = cln_piece_at(w->begin, w->count, done, w->l.patches_h, w->l.patches_h);
    const int64_t plane = ((int64_t)channel * s->batch + p.unit) * s->y_plane;
    const int32_t line = (int32_t)(s->m * p.first), room = s->out_h - line;
    const int32_t lines = s->m * p.count < room ? (int32_t)(s->m * p.count) : room;
    const int64_t to = plane + (int64_t)line * s->y_pitch;
    w->transform_sums(&(cln_vertical_out){
        .x = sums + p.at * w->l.pitch,
        .x_step = w->l.sums_step,
        .x_pitch = w->l.pitch,
        .y = w->y + to,
        .r = w->residual ? w->residual + to : NULL,
        .y_pitch = s->y_pitch,
        .lines = lines,
        .count = (size_t)s->out_w,
        .bias = w->bias[channel],
        .lo = bounds ? act.lo : -INFINITY,
        .hi = bounds ? act.hi : INFINITY,
    });
    for (int32_t i = 0; i < lines && (w->apart || !bounds); ++i) {
      float *row = w->y + to + (int64_t)i * s->y_pitch;
      if (!bounds) cln_activate(row, s->out_w, act);
      zero_around(w->y + plane, line + i, s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border);
    }
  }
}

/* `rows` output channels from `first` on. */
static void run_tile(const work *w, int32_t first, int32_t rows) {
  const int64_t positions = (w->count - 1) * w->l.pitch + w->step->out_w;
  cln_strip_args a = {
      .off = w->off,
      .n = (size_t)w->l.weight_lines,
      .y_rows = w->sum_rows,
      .lo = -INFINITY,
      .hi = INFINITY,
      .w = w->weights + first * w->l.n * w->l.weight_lines,
  };
  for (int32_t k = 0; k < w->l.n; ++k, a.w += w->l.weight_lines * rows)
    cln_multiply(&w->products, rows, &a, w->data + k * w->l.data_step, w->sums + k * w->l.sums_step, positions);
  for (int32_t i = 0; i < rows; ++i) output_channel(w, w->sums + i * w->l.sum_row, first + i);
}

/* One claim: a panel and one of `shares` of the tiles of output channels. */
static void run_item(work *w, int64_t item, int64_t shares) {
  const cln_vertical *s = w->step;
  const int64_t panel = item / shares, share = item % shares;
  if (w->held != panel) {
    w->held = panel;
    w->begin = panel * w->l.panel;
    w->count = w->l.total - w->begin < w->l.panel ? w->l.total - w->begin : w->l.panel;
    transform_panel(w);
  }
  for (int64_t t = share * w->tiles / shares; t < (share + 1) * w->tiles / shares; ++t) {
    const int32_t first = (int32_t)t * s->tile_rows, left = s->rows - first;
    run_tile(w, first, left < s->tile_rows ? left : s->tile_rows);
  }
}

/* Of weight lines (channel, phase of lines, column): those of the first phase of lines, and of each one after it as much
 * further as its planes are. */
static void fill_offsets(const work *w) {
  const cln_vertical *s = w->step;
  const int64_t plane = w->l.plane * (int64_t)sizeof(float);
  for (int32_t x = 0; x < s->kernel_w; ++x)
    w->off[x] = (int32_t)(x % s->stride_w * plane + x / s->stride_w * (int64_t)sizeof(float));
  for (int64_t i = s->kernel_w; i < w->l.weight_lines; ++i)
    w->off[i] = w->off[i - s->kernel_w] + (int32_t)(s->stride_w * plane);
  memset(w->off + w->l.weight_lines, 0, CLN_LOOKAHEAD * sizeof *w->off);
}

void CLN_ISA(cln_run_vertical)(cln_session *session, int32_t task, int thread) {
  const cln_model *model = session->model;
  const cln_vertical *s = model->tasks[task].record;
  const cln_kernels *kernels = model->isa->kernels + s->arithmetic;
  float *scratch = cln_scratch(session, thread);
  work w = {
      .step = s,
      .products = {.kernels = kernels->tiles, .tile_rows = s->tile_rows, .lanes = model->lanes},
      .transform_lines = (*kernels->verticals)[s->m][taps_of(s)].in,
      .transform_sums = (*kernels->verticals)[s->m][taps_of(s)].out,
      .x = cln_at(session, task, s->x_buffer, s->x_at),
      .weights = cln_constants(model, s->weights),
      .bias = cln_constants(model, s->bias),
      .residual = s->r_buffer < 0 ? NULL : cln_at(session, task, s->r_buffer, s->r_at),
      .tiles = (s->rows + s->tile_rows - 1) / s->tile_rows,
      .y = cln_at(session, task, s->y_buffer, s->y_at),
      .apart = (int64_t)s->out_h * s->out_w < s->y_plane,
      .copied = !cln_has_slack(model, s->x_buffer),
      .held = -1,
      .l = layout_of(s, model->lanes),
  };
  w.products.width = w.l.width;
  w.data = scratch + w.l.data_at;
  w.sums = scratch + w.l.sums_at;
  w.copies = scratch + w.l.lines_at;
  w.zeros = scratch + w.l.zeros_at;
  for (int32_t i = 0; i < s->stride_w; ++i)
    w.spans[i] = span_of_line((int32_t)w.l.pitch, s->in_w, i - s->pad_left, s->stride_w);
  w.off = (int32_t *)(scratch + w.l.off_at);
  fill_offsets(&w);
  memset(w.zeros, 0, (size_t)w.l.line * sizeof *w.zeros);
  for (int32_t t = 0; t < s->tile_rows; ++t) w.sum_rows[t] = t * w.l.sum_row;
  int64_t panels = (w.l.total + w.l.panel - 1) / w.l.panel, shares = cln_shares(session, panels, w.tiles), item;
  while ((item = cln_claim(session, task, 0, thread, panels * shares)) >= 0) run_item(&w, item, shares);
}
