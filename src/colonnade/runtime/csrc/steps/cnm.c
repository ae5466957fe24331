/* The convolution step: prepare, pack, then tiles over strips.
 *
 *   prepare  pad x and split it into its stride's phases: [channel][phase][image][plane]. Afterwards every column of
 *            im2col's matrix X is the same data at another offset; so it is at once if x has borders that serve, or if
 *            lane masks leave its padding out of loads.
 *   pack     copy a strip of NR positions of every column that some tile keeps to [column][NR].
 *   compute  for panel of strips / for KC block / for tile / for strip of the panel: one micro-kernel call (cnm_panel.h).
 *            panel = 1 streams weights past one strip of X; panel = all streams X past one tile's weights.
 *            A chained step's outputs of a panel are read by the next step at once, before the next panel. */
#include "check.h"
#include "cnm_panel.h"
#include "isa.h"
#include "prepare.h"
#include "lines.h"

static bool is_chained(const cln_task *entry) {
  return entry->op == CLN_OP_CNM && ((const cln_cnm *)entry->record)->chained;
}

/* A step of kernels by channels: their lanes are a tile's output channels. Where those lie fits their vectors of bytes. */
static const char *check_by_channels(const cln_model *m, const cln_cnm *s) {
  CLN_NEED(s->vectors == CLN_CHANNEL_VECTORS, "no such micro-kernel");
  CLN_NEED(s->tile_rows <= s->vectors * m->lanes, "no such micro-kernel");
  CLN_NEED(CLN_PRODUCT(s->rows, s->batch, s->y_plane, sizeof(float)) <= UINT32_MAX, "size out of range");
  return NULL;
}

static const char *check_kernels(const cln_model *m, const cln_cnm *s) {
  return s->by_channels ? check_by_channels(m, s) : cln_check_kernels(m, s->arithmetic, s->tile_rows, s->vectors);
}

static const char *check_sizes(const cln_model *m, const cln_cnm *s) {
  CLN_NEED(CLN_PRODUCT(s->plane_lines, s->stride_h) < INT32_MAX / 2, "size out of range");
  CLN_NEED(CLN_PRODUCT(s->pitch, s->stride_w) < INT32_MAX / 2, "size out of range");
  CLN_NEED(CLN_PRODUCT(s->plane_lines, s->pitch) <= s->plane, "lines larger than their plane");
  CLN_TRY(cln_check_output_plane(s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border));
  CLN_NEED(CLN_PRODUCT(s->batch, s->y_plane) < INT32_MAX, "size out of range");
  CLN_NEED(s->packed + s->lane_masked + s->by_channels <= 1, "contradictory flags");
  return check_kernels(m, s);
}

/* What the step reads and writes; `readable`: floats that may be read from the start of the data that the columns' offsets
 * point into. */
static const char *check_views(const cln_model *m, const cln_cnm *s, int64_t *readable) {
  const int64_t prepared = CLN_PRODUCT(s->channels, s->phases, s->batch, s->plane);
  const int64_t read = cln_planes_span(CLN_PRODUCT(s->channels, s->batch), s->in_h, s->in_w, s->x_pitch, s->x_plane);
  CLN_VIEW(x, read);
  CLN_VIEWS_OF_OUTPUTS(CLN_PRODUCT(s->rows, s->batch, s->y_plane));
  const bool is_prepared = cln_is_prepared(s);
  if (is_prepared) {
    const int32_t element = m->buffers[s->prepared_buffer].element;
    CLN_NEED(element == m->buffers[s->x_buffer].element, "prepared: of another element type than x");
    CLN_VIEW(prepared, prepared);
  }
  if (s->lane_masked)
    *readable = is_prepared ? prepared : read;
  else
    *readable = is_prepared ? cln_readable(m, s->prepared_buffer, s->prepared_at) : cln_readable(m, s->x_buffer, s->x_at);
  return NULL;
}

/* The rows of one tile, and its columns. `weights`, `rows`: of the tiles before, and with this one. */
static const char *check_tile(const cln_model *m, const cln_cnm *s, const int32_t *tile, int64_t *weights, int64_t *rows) {
  CLN_NEED(tile[0] >= 1 && tile[0] <= s->tile_rows, "tile of too many rows");
  CLN_NEED(tile[1] == *rows && tile[0] <= s->rows - *rows, "tile rows out of range");
  CLN_NEED(cln_lies_within(tile[3], s->blocks + 1, s->block_count), "table outside the file");
  const int32_t *blocks = m->ints + s->block_table + tile[3];
  bool rising = blocks[0] == 0;
  for (int32_t b = 0; b < s->blocks; ++b) rising = rising && blocks[b] <= blocks[b + 1];
  CLN_NEED(rising, "KC blocks out of order");
  CLN_NEED(blocks[s->blocks] <= s->columns, "more columns than the layer has");
  CLN_NEED(cln_lies_within(tile[2], blocks[s->blocks], s->off_count), "columns out of range");
  *weights += (int64_t)tile[0] * blocks[s->blocks];
  *rows += tile[0];
  return NULL;
}

static const char *check_tiles(const cln_model *m, const cln_cnm *s) {
  CLN_TRY(cln_check_ints(m, s->tile_table, 4 * (int64_t)s->tiles));
  CLN_TRY(cln_check_ints(m, s->block_table, s->block_count));
  CLN_TRY(cln_check_entries(m, s->row_table, s->rows, s->rows, "output channel out of range"));
  int64_t weights = 0, rows = 0;
  for (int64_t t = 0; t < s->tiles; ++t) CLN_TRY(check_tile(m, s, m->ints + s->tile_table + 4 * t, &weights, &rows));
  CLN_NEED(rows == s->rows, "tiles do not cover the output channels");
  CLN_TRY(cln_check_floats(m, s->weights, weights));
  return cln_check_floats(m, s->bias, s->rows);
}

/* Where the columns are that the strips of `plan` read. */
static const char *check_columns(const cln_model *m, const cln_cnm *s, cln_cnm_plan *plan, int64_t readable) {
  const int64_t width = (int64_t)s->vectors * m->lanes;
  if (s->lane_masked) return cln_check_lane_masks(m, s, plan, readable);
  if (!s->packed)
    return cln_check_offsets(m, s->off_table, s->off_count, readable - plan->reach + 1, "column outside the data");
  CLN_NEED(s->pack_count >= 1, "nothing to pack");
  CLN_TRY(cln_check_entries(m, s->pack_table, s->pack_count, readable - plan->reach + 1, "column outside the data"));
  return cln_check_offsets(m, s->off_table, s->off_count, (s->pack_count - 1) * width + 1, "column outside the strip");
}

/* A chained step computes the panels of the next one, of as many strips, which reads x as it is. */
static const char *check_chain(const cln_model *m, const cln_task *entry) {
  const int32_t step = entry->step, repeated = m->program->repeats > 1 ? m->program->repeat_steps : 0;
  const cln_cnm *s = entry->record;
  if (s->chained)
    CLN_NEED(step + 1 < m->step_count && step + 1 != repeated && entry[1].op == CLN_OP_CNM, "no step to be chained to");
  if (!step || !is_chained(entry - 1)) return NULL;
  CLN_NEED(!s->packed && !cln_is_prepared(s) && !s->lane_masked && !s->chained, "cannot be chained to the step before");
  CLN_NEED(s->strip_count == ((const cln_cnm *)entry[-1].record)->strip_count && entry->cnm->panel == entry[-1].cnm->panel,
           "other strips than the step that it is chained to");
  return NULL;
}

const char *CLN_ISA(cln_check_cnm)(cln_checker *c, const void *record) {
  const cln_cnm *s = record;
  const cln_model *m = c->model;
  CLN_TRY(cln_check_types(m, s->arithmetic, s->x_buffer, s->y_buffer));
  cln_cnm_plan *plan = c->task->cnm;
  int64_t readable;
  CLN_TRY(check_sizes(m, s));
  CLN_TRY(check_views(m, s, &readable));
  CLN_TRY(check_tiles(m, s));
  CLN_TRY(cln_check_entries(m, s->phase_table, 2 * (int64_t)s->phases, CLN_MAX_STEP, "phase out of range"));
  CLN_TRY(cln_check_ints(m, s->off_table, s->off_count + CLN_LOOKAHEAD));
  CLN_TRY(cln_check_strips(m, s, plan));
  CLN_TRY(check_columns(m, s, plan, readable));
  CLN_NEED(!cln_cnm_plan_build(m, s, plan), "not enough memory");
  CLN_TRY(check_chain(m, c->task));
  c->scratch = plan->scratch_floats;
  return NULL;
}

static void pack_strip(const work *w, const cln_strip *strip, const float *x, float *to) {
  const int32_t *columns = w->ints + w->step->pack_table;
  for (int32_t i = 0; i < strip->segments; ++i) {
    const cln_segment *segment = w->plan->segments + strip->first + i;
    const float *from = x + segment->x;
    float *lane = to + segment->lane;
    const int32_t step = cln_x_step(w->step);
    for (int32_t k = 0; k < w->step->pack_count; ++k, lane += w->width)
      copy_strided(lane, from + columns[k], segment->len, step);
  }
}

static int32_t panel_strips(const work *w, int64_t panel) {
  int64_t left = w->step->strip_count - panel * w->panel;
  return (int32_t)(left < w->panel ? left : w->panel);
}

static int64_t panels(const work *w) { return (w->step->strip_count + w->panel - 1) / w->panel; }

/* As planned, or fewer strips where too few tiles leave threads without items. */
static int32_t panel_for(const cln_session *session, const cln_cnm *s, const cln_cnm_plan *plan) {
  if (session->threads == 1) return plan->panel;
  int64_t wanted = (CLN_ITEMS_PER_THREAD * session->threads + s->tiles - 1) / s->tiles;
  int64_t most = s->strip_count > wanted ? s->strip_count / wanted : 1;
  return (int32_t)(most < plan->panel ? most : plan->panel);
}

/* One claim: a panel and one of `shares` of the tiles. */
static void run_item(work *w, int64_t item, int64_t shares, const float *x) {
  const cln_cnm *s = w->step;
  int64_t panel = item / shares, share = item % shares;
  int32_t first_strip = (int32_t)(panel * w->panel), strips = panel_strips(w, panel);
  int32_t begin = (int32_t)(share * s->tiles / shares), end = (int32_t)((share + 1) * s->tiles / shares);
  int64_t strip_floats = (int64_t)s->pack_count * w->width;
  if (s->packed) {
    for (int32_t i = 0; i < strips && w->held != panel; ++i)
      pack_strip(w, w->plan->strips + first_strip + i, x, w->scratch + i * strip_floats);
    w->held = panel;
    x = w->scratch;
  }
  compute(w, first_strip, strips, begin, end, x);
}

static work work_of(cln_session *session, int32_t task, int thread) {
  const cln_model *model = session->model;
  const cln_cnm *s = model->tasks[task].record;
  work w = {
      .step = s,
      .plan = model->tasks[task].cnm,
      .ints = model->ints,
      .kernels = model->isa->kernels + s->arithmetic,
      .x = cln_at(session, task, s->x_buffer, s->x_at),
      .bias = cln_constants(model, s->bias),
      .residual = s->r_buffer < 0 ? NULL : cln_at(session, task, s->r_buffer, s->r_at),
      .y = cln_at(session, task, s->y_buffer, s->y_at),
      .scratch = cln_scratch(session, thread),
      .lanes = model->lanes,
      .width = s->vectors * model->lanes,
      .panel = panel_for(session, s, model->tasks[task].cnm),
      .held = -1,
  };
  for (int32_t t = 0; t < s->tile_rows; ++t) w.edge_rows[t] = t * w.plan->row_floats;
  return w;
}

/* Whether the step before has computed this one with it. */
static bool was_chained(const cln_model *model, int32_t task) {
  return task > 0 && is_chained(model->tasks + task - 1);
}

void CLN_ISA(cln_run_cnm)(cln_session *session, int32_t task, int thread) {
  const cln_cnm *s = session->model->tasks[task].record;
  if (was_chained(session->model, task)) return;
  work w = work_of(session, task, thread), next = {0};
  if (s->chained) {
    next = work_of(session, task + 1, thread);
    next.panel = w.panel;
  }
  int64_t i;
  const float *x = w.x;
  if (cln_is_prepared(s)) {
    float *prepared = cln_at(session, task, s->prepared_buffer, s->prepared_at);
    const int64_t raw = (int64_t)s->batch * s->x_plane, channel = (int64_t)s->phases * s->batch * s->plane;
    while ((i = cln_claim(session, task, 0, thread, s->channels)) >= 0)
      prepare_channel(s, w.ints + s->phase_table, w.x + i * raw, prepared + i * channel);
    cln_barrier(session);
    x = prepared;
  }
  int64_t shares = s->chained ? 1 : cln_shares(session, panels(&w), s->tiles);
  while ((i = cln_claim(session, task, 1, thread, panels(&w) * shares)) >= 0) {
    run_item(&w, i, shares, x);
    if (s->chained) run_item(&next, i, 1, next.x);
  }
}
