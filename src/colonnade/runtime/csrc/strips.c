/* The strips of a convolution by columns: the tables of the model file are checked, in one pass, and what the step's loops
 * need besides is laid out. plan/ways/columns/strips.py cuts the strips. */
#include <stdlib.h>

#include "check.h"

/* What the strips of a step may touch, and what they do. */
typedef struct {
  const cln_model *model;
  const cln_cnm *step;
  cln_cnm_plan *plan;
  int64_t first, end; /* of a plane of outputs, the border before the first one included: floats from that output on */
  int32_t width;      /* NR */
  int32_t x_step;     /* from output to output in the data read */
  uint64_t tile_rows; /* bit r: a tile has r rows */
} pass;

/* Positions that the kernel of a strip reads and writes. */
static int64_t written_lanes(const pass *p, const cln_strip *strip) {
  return p->model->isa->vector_bytes ? (int64_t)strip->vectors * p->model->lanes + strip->tail : strip->span;
}

static bool lies_in_plane(const pass *p, int64_t y, int64_t floats) { return y >= p->first && floats <= p->end - y; }

/* A segment: its outputs and the borders after them lie in the plane. */
static const char *check_segment(const pass *p, const cln_segment *segment) {
  CLN_TRY(cln_range_segment(p->model, segment));
  CLN_NEED(lies_in_plane(p, segment->y, (int64_t)segment->len + segment->gap), "outputs outside their plane");
  const int64_t reach = segment->x + (segment->len - 1) * (int64_t)p->x_step + 1;
  if ((p->step->packed || p->step->by_channels) && reach > p->plan->reach) p->plan->reach = reach;
  return NULL;
}

/* The segments of a strip whose lanes are positions follow each other in its lanes, up to its span. */
static const char *check_lanes(const cln_strip *strip, const cln_segment *segments) {
  int64_t lane = strip->lead;
  CLN_NEED(segments[0].lane == lane, "lanes out of order");
  for (int32_t i = 0; i < strip->segments; ++i) {
    CLN_NEED(segments[i].lane >= lane, "lanes out of order");
    lane = (int64_t)segments[i].lane + segments[i].len;
    CLN_NEED(lane <= strip->span, "lanes out of order");
  }
  CLN_NEED(lane == strip->span, "lanes out of order");
  return NULL;
}

/* A strip whose lanes are positions: its micro-kernel is there, with its tail, and writes where it may. */
static const char *check_positions(const pass *p, const cln_strip *strip, const cln_segment *segments) {
  const cln_cnm *s = p->step;
  const cln_kernels *kernels = p->model->isa->kernels + s->arithmetic;
  const int64_t whole = (int64_t)strip->span - strip->tail, written = written_lanes(p, strip);
  CLN_TRY(check_lanes(strip, segments));
  CLN_NEED(strip->vectors <= s->vectors && (*kernels->tiles)[s->tile_rows][strip->vectors],
           "no such micro-kernel");
  CLN_NEED(whole >= 1 && whole <= (int64_t)strip->vectors * p->model->lanes, "more lanes than the micro-kernel has");
  for (int32_t rows = 1; rows <= s->tile_rows && strip->tail; ++rows)
    CLN_NEED(!(p->tile_rows >> rows & 1) || cln_fused_kernel(kernels, rows, strip->vectors, strip->tail), "no such micro-kernel");
  CLN_NEED(!s->packed || strip->span <= p->width, "more lanes than a packed strip");
  CLN_NEED(strip->x >= 0 || s->lane_masked || s->packed, "column outside the data"); /* packed: nobody reads there */
  CLN_NEED(!s->lane_masked || (written <= 8 * CLN_LANE_MASK_BYTES && strip->lane_mask < s->lane_mask_blocks),
           "lane masks outside the file");
  CLN_NEED(lies_in_plane(p, strip->y, strip->full && written > strip->lead ? written : strip->lead), "outputs outside their plane");
  if (!s->packed && strip->x + written > p->plan->reach) p->plan->reach = strip->x + written;
  if (written > p->plan->row_floats) p->plan->row_floats = cln_whole_lines(written);
  return NULL;
}

/* A strip whose lanes are output channels: equal lines, as far apart as the kernel takes them to be. */
static const char *check_channels(const pass *p, const cln_strip *strip, const cln_segment *segments) {
  const cln_cnm *s = p->step;
  CLN_NEED(!strip->lead && segments[0].x == strip->x, "lines out of order");
  for (int32_t i = 1; i < strip->segments; ++i)
    CLN_NEED(segments[i].len == segments[0].len && segments[i].x == strip->x + i * (int64_t)s->pitch &&
                 segments[i].y == strip->y + i * (int64_t)s->y_pitch,
             "lines out of order");
  const cln_kernels *kernels = p->model->isa->kernels + s->arithmetic;
  CLN_NEED(cln_channel_kernel_of(kernels, s, strip->segments, segments[0].len), "no such micro-kernel");
  const int64_t positions = (int64_t)strip->segments * segments[0].len;
  if (positions * p->width > p->plan->strip_floats) p->plan->strip_floats = positions * p->width;
  return NULL;
}

/* The byte offsets of each kernel element's columns: the lowest and the highest. */
typedef struct {
  int64_t low, high;
} reach_of_tap;

/* No lane that a strip with lane masks reads lies outside the data, `readable` floats. */
static const char *check_lanes_read(const cln_cnm *s, const cln_cnm_plan *plan, const reach_of_tap *taps, int64_t readable) {
  const int32_t count = s->kernel_h * s->kernel_w;
  for (int32_t i = 0; i < s->strip_count; ++i) {
    const uint8_t *mask = plan->lane_masks + (int64_t)plan->strips[i].lane_mask * count * CLN_LANE_MASK_BYTES;
    for (int32_t tap = 0; tap < count; ++tap, mask += CLN_LANE_MASK_BYTES) {
      int32_t low = 0, high = 8 * CLN_LANE_MASK_BYTES - 1;
      while (low <= high && !(mask[low / 8] >> low % 8 & 1)) ++low;
      while (high >= low && !(mask[high / 8] >> high % 8 & 1)) --high;
      if (low > high || taps[tap].low > taps[tap].high) continue;
      const int64_t x = plan->strips[i].x;
      CLN_NEED(x + low + taps[tap].low >= 0 && x + high + taps[tap].high < readable, "column outside the data");
    }
  }
  return NULL;
}

const char *cln_check_lane_masks(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan, int64_t readable) {
  const int64_t count = CLN_PRODUCT(step->kernel_h, step->kernel_w);
  reach_of_tap taps[CLN_MAX_TAPS];
  CLN_NEED(model->isa->masks_lanes, "no such micro-kernel");
  CLN_NEED(count <= CLN_MAX_TAPS, "kernel out of range");
  CLN_TRY(cln_check_ints(model, step->tap_table, (step->off_count + 3) / 4));
  CLN_TRY(cln_check_ints(model, step->lane_mask_table, CLN_PRODUCT(step->lane_mask_blocks, count, CLN_LANE_MASK_BYTES / 4)));
  plan->taps = (const uint8_t *)(model->ints + step->tap_table);
  plan->lane_masks = (const uint8_t *)(model->ints + step->lane_mask_table);
  for (int32_t tap = 0; tap < count; ++tap) taps[tap] = (reach_of_tap){INT64_MAX / 2, -1};
  for (int64_t i = 0; i < step->off_count; ++i) {
    const int32_t offset = model->ints[step->off_table + i];
    CLN_NEED(plan->taps[i] < count, "column outside the data");
    CLN_NEED(offset >= 0 && offset % (int32_t)sizeof(float) == 0, "column outside the data");
    reach_of_tap *tap = taps + plan->taps[i];
    const int64_t at = offset / (int64_t)sizeof(float);
    tap->low = at < tap->low ? at : tap->low;
    tap->high = at > tap->high ? at : tap->high;
  }
  return check_lanes_read(step, plan, taps, readable);
}

const char *cln_check_strips(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan) {
  pass p = {
      .model = model,
      .step = step,
      .plan = plan,
      .first = -(int64_t)step->y_border,
      .end = (int64_t)step->batch * step->y_plane - step->y_border,
      .width = step->vectors * model->lanes,
      .x_step = cln_x_step(step),
  };
  CLN_TRY(cln_check_ints(model, step->strip_table, CLN_PRODUCT(step->strip_count, sizeof(cln_strip) / 4)));
  CLN_TRY(cln_check_ints(model, step->segment_table, CLN_PRODUCT(step->segment_count, sizeof(cln_segment) / 4)));
  plan->strips = (const cln_strip *)(model->ints + step->strip_table);
  plan->segments = (const cln_segment *)(model->ints + step->segment_table);
  plan->row_floats = p.width;
  for (int64_t t = 0; t < step->tiles; ++t) p.tile_rows |= UINT64_C(1) << model->ints[step->tile_table + 4 * t];
  int64_t next = 0;
  for (int32_t i = 0; i < step->strip_count; ++i) {
    const cln_strip *strip = plan->strips + i;
    CLN_TRY(cln_range_strip(model, strip));
    CLN_NEED(strip->first == next && strip->segments <= step->segment_count - next, "segments out of order");
    next += strip->segments;
    const cln_segment *segments = plan->segments + strip->first;
    for (int32_t k = 0; k < strip->segments; ++k) CLN_TRY(check_segment(&p, segments + k));
    CLN_NEED(segments[0].y == (int64_t)strip->y + strip->lead, "outputs out of order");
    CLN_TRY(step->by_channels ? check_channels(&p, strip, segments) : check_positions(&p, strip, segments));
  }
  return NULL;
}

static int build_tiles(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan) {
  plan->tiles = calloc((size_t)step->tiles, sizeof *plan->tiles);
  plan->row_at = calloc((size_t)step->rows, sizeof *plan->row_at);
  if (step->by_channels) plan->places = calloc((size_t)step->rows, sizeof *plan->places);
  if (!plan->tiles || !plan->row_at || (step->by_channels && !plan->places)) return -1;
  int64_t out_plane = (int64_t)step->batch * step->y_plane;
  for (int32_t i = 0; i < step->rows; ++i) {
    plan->row_at[i] = model->ints[step->row_table + i] * out_plane;
    if (plan->places) plan->places[i] = (uint32_t)(plan->row_at[i] * (int64_t)sizeof(float));
  }
  const float *weights = cln_constants(model, step->weights);
  for (int32_t t = 0; t < step->tiles; ++t) {
    const int32_t *record = model->ints + step->tile_table + 4 * (int64_t)t;
    const int32_t *blocks = model->ints + step->block_table + record[3];
    plan->tiles[t] = (cln_tile){
        .rows = record[0],
        .first = record[1],
        .off = model->ints + step->off_table + record[2],
        .blocks = blocks,
        .kernels = (*model->isa->kernels[step->arithmetic].tiles)[record[0]],
        .weights = weights,
    };
    weights += (int64_t)record[0] * blocks[step->blocks];
  }
  return 0;
}

int cln_cnm_plan_build(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan) {
  if (build_tiles(model, step, plan)) return -1;
  int64_t width = (int64_t)step->vectors * model->lanes, packed = 0, sums = 0;
  plan->panel = step->panel < step->strip_count ? step->panel : step->strip_count;
  if (step->packed) packed = CLN_PRODUCT(plan->panel, step->pack_count, width);
  if (step->blocks > 1 && step->by_channels)
    sums = CLN_PRODUCT(step->tiles, plan->panel, plan->strip_floats);
  else if (step->blocks > 1)
    sums = CLN_PRODUCT(step->rows, plan->panel, plan->row_floats);
  plan->sums_at = packed;
  plan->edge_at = plan->sums_at + sums;
  plan->scratch_floats = plan->edge_at + 2 * step->tile_rows * plan->row_floats + CLN_SLACK_FLOATS;
  return 0;
}

void cln_cnm_plan_free(cln_cnm_plan *plan) {
  free(plan->tiles);
  free(plan->row_at);
  free(plan->places);
}
