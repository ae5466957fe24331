/* Derives from a convolution step what its loops need: strips and their segments, tiles, scratch layout.
 *
 * A line of outputs starts at x = image * plane + line * pitch in the data read (raw or prepared), and at y = image *
 * y_plane + line * y_pitch in the output. A direct strip covers NR consecutive x, the last one perhaps a tail more; a packed
 * one covers NR consecutive y. So either may hold several segments with useless lanes between them. Where x and y advance
 * alike, those lanes fall on the borders of y, and strips follow each other without a gap, all as well aligned as the first;
 * else each begins at a valid position.
 *
 * Strips of turned kernels are part of a line, or some lines; a plane that is one run in x and in y is one line. */
#include <stdlib.h>

#include "internal.h"

#define MASKS_COMPARED 64

typedef struct {
  const cln_cnm *step;
  const cln_isa *isa;
  int32_t lanes, strip_count, segment_count;
  cln_strip *strips;       /* NULL: count only */
  cln_segment *segments;
  cln_strip open;          /* the strip being filled */
  int32_t span;            /* its lanes up to the last valid one */
  bool alike;              /* x and y advance alike */
  int32_t x_step;          /* from output to output in the data read */
  bool even;               /* its outputs lie as its lanes do */
  cln_segment last;        /* its last segment so far */
} builder;

/* Positions that the kernel of a strip reads and writes. */
static int32_t written_lanes(const builder *b, const cln_strip *strip) {
  return b->isa->lanes ? strip->vectors * b->lanes + strip->tail : strip->span;
}

/* Positions at the end of the open strip that are left to a tail kernel: those past its last whole vector, if there is
 * a kernel for as many vectors. A wider one would write them too, over what they are to be added to. */
static int32_t tail_of(const builder *b) {
  int32_t over = b->span % b->lanes, vectors = b->span / b->lanes;
  bool exact = !vectors || (*b->isa->kernels)[b->step->tile_rows][vectors];
  return exact && over <= b->step->tail && over <= b->last.len ? over : 0;
}

/* How the open strip is computed. */
static void choose_kernels(builder *b) {
  b->open.tail = tail_of(b);
  b->open.vectors = (b->span - b->open.tail + b->lanes - 1) / b->lanes;
  while (b->open.vectors && !(*b->isa->kernels)[b->step->tile_rows][b->open.vectors]) ++b->open.vectors; /* step->vectors is one */
}

static void close_strip(builder *b) {
  if (!b->open.segments) return;
  if (!cln_is_turned(b->step)) choose_kernels(b);
  b->open.span = b->span;
  b->open.full = b->even;
  if (b->strips) b->strips[b->strip_count] = b->open;
  ++b->strip_count;
  b->open.segments = 0;
}

static void add_segment(builder *b, int32_t lane, int32_t len, int64_t x, int64_t y) {
  if (!b->open.segments) {
    b->open = (cln_strip){.x = x - lane, .y = y - lane, .first = b->segment_count, .lead = lane};
    b->even = true;
  }
  b->even = b->even && y - b->open.y == lane;
  cln_segment *last = &b->last;
  bool next = b->open.segments && lane == b->span && y - last->y == last->len;
  bool extends = next && x - last->x == (int64_t)last->len * b->x_step;
  if (extends) {
    last->len += len;
  } else {
    *last = (cln_segment){.lane = lane, .len = len, .x = x, .y = y};
    ++b->segment_count;
    ++b->open.segments;
  }
  if (b->segments) b->segments[b->segment_count - 1] = *last;
  b->span = lane + len;
}

/* Whether the open strip, which has all its vectors, takes the positions left too. */
static bool takes_tail(const builder *b, int32_t left) {
  const cln_cnm *s = b->step;
  return !s->packed && left <= s->tail && cln_fused_kernel(b->isa, s->tile_rows, s->vectors, left);
}

/* last: no position follows that could be in the same strip. */
static void add_row(builder *b, int64_t x, int64_t y, bool last) {
  int32_t width = b->step->vectors * b->lanes, out_w = b->step->out_w;
  for (int32_t at = 0; at < out_w;) {
    int64_t lane = 0;
    if (b->open.segments) lane = b->step->packed ? y + at - b->open.y : x + at - b->open.x;
    const int32_t left = out_w - at;
    const bool all = last && lane == width && takes_tail(b, left);
    if (lane >= width && !all) {
      close_strip(b);
      lane = b->alike ? lane % width : 0;
    }
    int32_t len = all || left < width - (int32_t)lane ? left : width - (int32_t)lane;
    add_segment(b, (int32_t)lane, len, x + (int64_t)at * b->x_step, y + at);
    at += len;
  }
  if (b->step->rowwise) close_strip(b);
}

/* Strips of turned kernels from one image. */
static void add_turned(builder *b, int64_t x, int64_t y) {
  const cln_cnm *s = b->step;
  const bool joined = b->x_step == 1 && s->pitch == s->out_w && s->y_pitch == s->out_w;
  const int32_t lines = joined ? 1 : s->out_h, width = joined ? s->out_h * s->out_w : s->out_w;
  for (int32_t line = 0; line < lines; line += s->strip_h)
    for (int32_t at = 0; at < width; at += s->strip_w) {
      const int32_t len = width - at < s->strip_w ? width - at : s->strip_w;
      const int32_t end = lines - line < s->strip_h ? lines : line + s->strip_h;
      for (int32_t l = line; l < end; ++l)
        add_segment(b, (l - line) * len, len, x + (int64_t)l * s->pitch + (int64_t)at * b->x_step,
                    y + (int64_t)l * s->y_pitch + at);
      close_strip(b);
    }
}

static void add_all(builder *b) {
  const cln_cnm *step = b->step;
  if (cln_is_turned(step)) {
    for (int64_t image = 0; image < step->batch; ++image) add_turned(b, image * step->plane, image * step->y_plane);
    return;
  }
  const int64_t rows = (int64_t)step->batch * step->out_h;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t image = row / step->out_h, line = row % step->out_h;
    add_row(b, image * step->plane + line * step->pitch, image * step->y_plane + line * step->y_pitch,
            step->rowwise || row + 1 == rows);
  }
  close_strip(b);
}

/* Knowing what follows each segment and strip: gaps, and whether whole vectors may be written. */
static void look_ahead(const builder *b) {
  int64_t end = (int64_t)b->step->batch * b->step->y_plane - b->step->y_border;
  for (int32_t i = b->strip_count - 1; i >= 0; --i) {
    cln_strip *strip = b->strips + i;
    strip->borders = strip->lead || (i == 0 && b->step->y_border);
    strip->full = cln_is_turned(b->step) || (strip->full && strip->y + written_lanes(b, strip) <= end);
    for (int32_t k = strip->first + strip->segments - 1; k >= strip->first; --k) {
      cln_segment *segment = b->segments + k;
      segment->gap = (int32_t)(end - segment->y - segment->len);
      strip->borders = strip->borders || segment->gap;
      end = segment->y;
    }
    end = strip->y;
  }
}

static builder counter_for(const cln_model *model, const cln_cnm *step) {
  bool alike = step->packed || (step->pitch == step->y_pitch && step->plane == step->y_plane);
  return (builder){
      .step = step,
      .isa = model->isa,
      .lanes = model->lanes,
      .alike = alike && !step->rowwise,
      .x_step = cln_x_step(step),
  };
}

/* Past the last float that the strips load, from a column's first. */
static int64_t reach_of(const builder *b, int32_t strips, int32_t segments) {
  int64_t reach = 0;
  for (int32_t i = 0; i < strips && !cln_is_turned(b->step); ++i) {
    const int64_t end = b->strips[i].x + written_lanes(b, b->strips + i);
    if (end > reach) reach = end;
  }
  for (int32_t i = 0; i < segments && cln_is_turned(b->step); ++i) {
    const int64_t end = b->segments[i].x + (b->segments[i].len - 1) * (int64_t)b->x_step + 1;
    if (end > reach) reach = end;
  }
  return reach;
}

static int build_strips(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan) {
  builder counter = counter_for(model, step);
  add_all(&counter);
  plan->strips = calloc((size_t)counter.strip_count, sizeof *plan->strips);
  plan->segments = calloc((size_t)counter.segment_count, sizeof *plan->segments);
  if (!plan->strips || !plan->segments) return -1;
  builder b = counter_for(model, step);
  b.strips = plan->strips;
  b.segments = plan->segments;
  add_all(&b);
  look_ahead(&b);
  plan->strip_count = b.strip_count;
  plan->reach = reach_of(&b, b.strip_count, b.segment_count);
  plan->row_floats = (int64_t)step->vectors * model->lanes;
  for (int32_t i = 0; i < plan->strip_count; ++i) {
    const int32_t lanes = cln_is_turned(step) ? 0 : written_lanes(&b, plan->strips + i);
    if (lanes > plan->row_floats) plan->row_floats = cln_whole_lines(lanes);
  }
  return 0;
}

static int build_tiles(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan) {
  plan->tiles = calloc((size_t)step->tiles, sizeof *plan->tiles);
  plan->row_at = calloc((size_t)step->rows, sizeof *plan->row_at);
  if (cln_is_turned(step)) plan->places = calloc((size_t)step->rows, sizeof *plan->places);
  plan->group_tiles = calloc((size_t)step->groups + 1, sizeof *plan->group_tiles);
  if (!plan->tiles || !plan->row_at || !plan->group_tiles || (cln_is_turned(step) && !plan->places)) return -1;
  int64_t out_plane = (int64_t)step->batch * step->y_plane;
  for (int32_t i = 0; i < step->rows; ++i) {
    plan->row_at[i] = model->ints[step->row_table + i] * out_plane;
    if (plan->places) plan->places[i] = (uint32_t)(plan->row_at[i] * (int64_t)sizeof(float));
  }
  const float *weights = model->floats + step->weights;
  for (int32_t t = 0; t < step->tiles; ++t) {
    const int32_t *record = model->ints + step->tile_table + 4 * (int64_t)t;
    const int32_t *blocks = model->ints + step->block_table + record[3];
    plan->tiles[t] = (cln_cnm_tile){
        .rows = record[0],
        .first = record[1],
        .off = model->ints + step->off_table + record[2],
        .blocks = blocks,
        .kernels = (*model->isa->kernels)[record[0]],
        .weights = weights,
    };
    weights += (int64_t)record[0] * blocks[step->blocks];
    int32_t group = model->ints[step->row_table + record[1]] / (step->rows / step->groups);
    for (int32_t g = group + 1; g <= step->groups; ++g) plan->group_tiles[g] = t + 1;
  }
  return 0;
}

/* Lanes of one segment whose element at tap (i, j) lies in the image. */
static void mask_segment(const cln_cnm *step, const cln_segment *segment, int32_t i, int32_t j, uint8_t *mask) {
  for (int32_t k = 0; k < segment->len; ++k) {
    const int64_t at = (segment->x + k) % step->plane;
    const int64_t y = at / step->pitch * step->stride_h + i - step->pad_top;
    const int64_t x = at % step->pitch * step->stride_w + j - step->pad_left;
    const int32_t lane = segment->lane + k;
    if (y >= 0 && y < step->in_h && x >= 0 && x < step->in_w) mask[lane / 8] |= (uint8_t)(1u << lane % 8);
  }
}

/* Strips that leave the same lanes out share a block: rows of one plane repeat, and so do images. */
static int build_masks(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan) {
  const int32_t taps = step->kernel_h * step->kernel_w;
  const size_t block = (size_t)taps * CLN_MASK_BYTES;
  plan->taps = calloc((size_t)step->off_count + 1, 1);
  plan->masks = calloc((size_t)plan->strip_count, block);
  if (!plan->taps || !plan->masks) return -1;
  for (int64_t k = 0; k < step->off_count; ++k)
    plan->taps[k] = cln_tap_of(step, model->ints + step->phase_table, model->ints[step->off_table + k]);
  int32_t blocks = 0;
  for (int32_t s = 0; s < plan->strip_count; ++s) {
    uint8_t *own = plan->masks + (size_t)blocks * block;
    for (int32_t tap = 0; tap < taps; ++tap)
      for (int32_t k = plan->strips[s].first; k < plan->strips[s].first + plan->strips[s].segments; ++k)
        mask_segment(step, plan->segments + k, tap / step->kernel_w, tap % step->kernel_w, own + tap * CLN_MASK_BYTES);
    int32_t same = blocks, least = blocks > MASKS_COMPARED ? blocks - MASKS_COMPARED : 0;
    while (same > least && memcmp(plan->masks + (size_t)(same - 1) * block, own, block)) --same;
    plan->strips[s].mask = same > least ? same - 1 : blocks;
    if (same > least)
      memset(own, 0, block);
    else
      ++blocks;
  }
  return 0;
}

int cln_cnm_plan_build(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan) {
  if (build_strips(model, step, plan) || build_tiles(model, step, plan)) return -1;
  if (step->masked && build_masks(model, step, plan)) return -1;
  int64_t width = (int64_t)step->vectors * model->lanes, local = 0, packed = 0, sums = 0;
  plan->panel = step->panel < plan->strip_count ? step->panel : plan->strip_count;
  plan->prepared_plane = CLN_PRODUCT(step->batch, step->plane);
  if (step->local) local = CLN_PRODUCT(step->channels / step->groups, step->phases, plan->prepared_plane);
  if (step->packed && step->strips_buffer < 0) packed = CLN_PRODUCT(plan->panel, step->pack_count, width);
  plan->strip_floats = (int64_t)step->strip_h * step->strip_w * width;
  if (step->blocks > 1 && cln_is_turned(step))
    sums = CLN_PRODUCT(step->tiles, plan->panel, plan->strip_floats);
  else if (step->blocks > 1)
    sums = CLN_PRODUCT(step->rows, plan->panel, plan->row_floats);
  plan->packed_at = step->local ? cln_whole_lines(local + CLN_SLACK) : 0;
  plan->sums_at = plan->packed_at + packed;
  plan->edge_at = plan->sums_at + sums;
  plan->scratch_floats = plan->edge_at + 2 * step->tile_rows * plan->row_floats + CLN_SLACK;
  return 0;
}

void cln_cnm_plan_free(cln_cnm_plan *plan) {
  free(plan->strips);
  free(plan->segments);
  free(plan->tiles);
  free(plan->row_at);
  free(plan->places);
  free(plan->group_tiles);
  free(plan->taps);
  free(plan->masks);
}
