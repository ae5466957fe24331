/* A convolution step over the tiles and strips of one panel: for each KC block, each tile and each strip one call of a
 * micro-kernel.
 *
 * The last few positions past whole vectors, the tail, are computed in the same pass where the strip says so.
 * Strips that end in the middle of a vector or cross lines go through a small edge buffer, unless borders of y take what
 * is written too much. */
#pragma once
/* No longer than the shortest vectors that kernels store: a load of two stores waits until both are in the cache. */
#define CLN_ACT_BLOCK 8
#include "activation.h"
#include "internal.h"
#include "lines.h"

typedef struct {
  const cln_cnm *step;
  const cln_cnm_plan *plan;
  const int32_t *ints;
  const cln_kernels *kernels;
  const float *x, *bias, *residual;
  float *y, *scratch;
  int64_t edge_rows[CLN_MAX_ROWS];
  int32_t lanes, width; /* of a vector; NR */
  int32_t panel; /* strips */
  int64_t held;  /* the panel that is packed in scratch; -1: none */
} work;

/* What the micro-kernel does to all positions but those, for them. */
static void finish_tail(const cln_strip_args *a, const cln_tile *tile, const cln_strip *strip, int32_t lanes) {
  const int32_t first = strip->span - strip->tail;
  const float *c = a->c, *r = a->r, *bias = a->bias;
  const float lo = a->lo, hi = a->hi;
  float *y = a->y;
  for (int32_t p = 0; p < strip->tail; ++p)
    for (int32_t t = 0; t < tile->rows; ++t) {
      float sum = a->tail[p * lanes + t];
      if (c) sum += c[a->c_rows[t] + first + p];
      if (r) sum += r[a->r_rows[t] + first + p];
      if (bias) sum += bias[t];
      y[a->y_rows[t] + first + p] = cln_clamp(sum, lo, hi);
    }
}

/* A strip and the tail after it. Apart, for its frame is large. */
__attribute__((noinline)) static void run_with_tail(const work *w, cln_strip_args *a, const cln_tile *tile, const cln_strip *strip) {
  _Alignas(CLN_ALIGNMENT) float sums[CLN_MAX_TAIL * CLN_MAX_LANES];
  a->count = (size_t)(strip->span - strip->tail);
  a->tail = sums;
  cln_fused_kernel(w->kernels, tile->rows, strip->vectors, strip->tail)(a);
  finish_tail(a, tile, strip, w->lanes);
}

static inline void run_strip(const work *w, cln_strip_args *a, const cln_tile *tile, const cln_strip *strip) {
  if (strip->tail) {
    run_with_tail(w, a, tile, strip);
    return;
  }
  a->count = (size_t)strip->span;
  tile->kernels[strip->vectors](a);
}

/* The last KC block of a strip that is not one whole run of outputs, or whose activation the kernel does not know:
 * compute beside, where all stays in the first-level cache, then copy or activate the segments. */
static void finish_edge(const work *w, cln_strip_args *a, const cln_tile *tile, const cln_strip *strip, cln_act act) {
  const cln_segment *segments = w->plan->segments + strip->first;
  const int64_t *rows = w->plan->row_at + tile->first;
  float *edge = w->scratch + w->plan->edge_at, *residual = edge + w->step->tile_rows * w->plan->row_floats;
  if (w->residual) {
    for (int32_t t = 0; t < tile->rows; ++t)
      for (int32_t i = 0; i < strip->segments; ++i)
        copy_floats(residual + w->edge_rows[t] + segments[i].lane, w->residual + rows[t] + segments[i].y,
                    segments[i].len);
    a->r = residual;
    a->r_rows = w->edge_rows;
  }
  a->y = edge;
  a->y_rows = w->edge_rows;
  run_strip(w, a, tile, strip);
  for (int32_t i = 0; i < strip->segments; ++i) {
    float *from = edge + segments[i].lane, *to = w->y + segments[i].y;
    if (act.kind != CLN_ACT_CLAMP)
      cln_act_loop((cln_act_rows){to, from, rows, w->edge_rows, tile->rows}, segments[i].len, act);
    else
      for (int32_t t = 0; t < tile->rows; ++t) copy_floats(to + rows[t], from + w->edge_rows[t], segments[i].len);
  }
}

static void zero_rows(float *y, const int64_t *rows, int32_t count, int32_t n) {
  if (n == 1)
    for (int32_t t = 0; t < count; ++t) y[rows[t]] = 0.0f;
  else if (n > 1)
    for (int32_t t = 0; t < count; ++t) zero_floats(y + rows[t], n);
}

/* Borders of y around the outputs of one strip. */
static void zero_borders(const work *w, const cln_tile *tile, const cln_strip *strip) {
  const cln_segment *segments = w->plan->segments + strip->first;
  const int64_t *rows = w->plan->row_at + tile->first;
  if (strip == w->plan->strips) zero_rows(w->y - w->step->y_border, rows, tile->rows, w->step->y_border);
  zero_rows(w->y + strip->y, rows, tile->rows, strip->lead);
  for (int32_t i = 0; i < strip->segments; ++i)
    zero_rows(w->y + segments[i].y + segments[i].len, rows, tile->rows, segments[i].gap);
}

/* The last KC block of a strip whose outputs go straight to y. */
static inline void finish_in_place(const work *w, cln_strip_args *a, const cln_tile *tile, const cln_strip *strip) {
  a->y = w->y + strip->y;
  a->y_rows = w->plan->row_at + tile->first;
  a->r = w->residual ? w->residual + strip->y : NULL;
  a->r_rows = a->y_rows;
  run_strip(w, a, tile, strip);
}

/* An activation that a kernel by channels does not know, after it. */
static void activate_strip(const work *w, const cln_tile *tile, const cln_strip *strip, cln_act act) {
  const int64_t *rows = w->plan->row_at + tile->first;
  for (int32_t i = 0; i < strip->segments; ++i) {
    const cln_segment *segment = w->plan->segments + strip->first + i;
    float *y = w->y + segment->y;
    cln_act_loop((cln_act_rows){y, y, rows, rows, tile->rows}, segment->len, act);
  }
}

/* What a kernel by channels needs for the columns of a tile in a KC block, whatever the strip. */
static cln_channel_args channel_args_of_tile(const work *w, const cln_tile *tile, int32_t block, cln_act act) {
  const cln_cnm *s = w->step;
  const int32_t begin = tile->blocks[block], end = tile->blocks[block + 1];
  const bool bounds = act.kind == CLN_ACT_CLAMP && act.lo >= 0.0f;
  return (cln_channel_args){
      .off = tile->off + begin,
      .w = tile->weights + (int64_t)begin * tile->rows,
      .n = (size_t)(end - begin),
      .count = (size_t)tile->rows,
      .x_line = s->pitch,
      .y_line = s->y_pitch,
      .step = w->width,
      .bias = w->bias + tile->first,
      .places = w->plan->places + tile->first,
      .lo = bounds ? act.lo : -INFINITY,
      .hi = bounds ? act.hi : INFINITY,
  };
}

static bool is_left_to_activate(cln_act act) {
  return act.kind != CLN_ACT_CLAMP || (act.lo < 0.0f && (act.lo != -INFINITY || act.hi != INFINITY));
}

/* What a micro-kernel needs for the columns of a tile in a KC block, whatever the strip. */
static cln_strip_args args_of_tile(const work *w, const cln_tile *tile, int32_t block, const cln_act *act) {
  const cln_cnm *s = w->step;
  const int32_t begin = tile->blocks[block], end = tile->blocks[block + 1];
  const bool last = block + 1 == s->blocks, bounds = last && act->kind == CLN_ACT_CLAMP;
  return (cln_strip_args){
      .off = tile->off + begin,
      .taps = s->lane_masked ? w->plan->taps + (tile->off - (w->ints + s->off_table)) + begin : NULL,
      .w = tile->weights + (int64_t)begin * tile->rows,
      .n = (size_t)(end - begin),
      .bias = last ? w->bias + tile->first : NULL,
      .lo = bounds ? act->lo : -INFINITY,
      .hi = bounds ? act->hi : INFINITY,
  };
}

/* One tile in one KC block over the strips of a panel. sums: those of the tile. */
static void compute_tile(const work *w, const cln_tile *tile, const cln_strip *strip, int32_t strips, int32_t block,
                         const float *x, float *sums, const int64_t *sum_rows) {
  const cln_cnm *s = w->step;
  const cln_act act = CLN_ACT_OF(s);
  const int64_t packed = s->packed ? (int64_t)s->pack_count * w->width : 0;
  const int64_t masks = s->lane_masked ? (int64_t)s->kernel_h * s->kernel_w * CLN_LANE_MASK_BYTES : 0;
  const bool last = block + 1 == s->blocks;
  cln_strip_args a = args_of_tile(w, tile, block, &act);
  a.c_rows = sum_rows;
  for (const cln_strip *end = strip + strips; strip < end; ++strip, sums += w->plan->row_floats, x += packed) {
    a.x = packed ? x : x + strip->x;
    if (masks) a.lane_masks = w->plan->lane_masks + strip->lane_mask * masks;
    a.c = block ? sums : NULL;
    if (last) {
      if (strip->full && act.kind == CLN_ACT_CLAMP)
        finish_in_place(w, &a, tile, strip);
      else
        finish_edge(w, &a, tile, strip, act);
      if (strip->borders) zero_borders(w, tile, strip);
    } else {
      a.y = sums;
      a.y_rows = sum_rows;
      run_strip(w, &a, tile, strip);
    }
  }
}

/* The same with kernels by channels. */
static void compute_channel_tile(const work *w, const cln_tile *tile, const cln_strip *strip, int32_t strips, int32_t block,
                      const float *x, float *sums) {
  const cln_cnm *s = w->step;
  const cln_act act = CLN_ACT_OF(s);
  const bool last = block + 1 == s->blocks, activates = last && is_left_to_activate(act);
  cln_channel_args a = channel_args_of_tile(w, tile, block, act);
  for (const cln_strip *end = strip + strips; strip < end; ++strip, sums += w->plan->strip_floats) {
    a.x = x + strip->x;
    a.c = block ? sums : NULL;
    a.sums = last ? NULL : sums;
    a.y = w->y + strip->y;
    a.r = w->residual ? w->residual + strip->y : NULL;
    cln_channel_kernel_of(w->kernels, s, strip->segments, w->plan->segments[strip->first].len)(&a);
    if (activates) activate_strip(w, tile, strip, act);
    if (last && strip->borders) zero_borders(w, tile, strip);
  }
}

/* Tiles first_tile .. end_tile - 1 over one panel. x: prepared or raw data; or the panel's packed strips. */
static void compute(const work *w, int32_t first_strip, int32_t strips, int32_t first_tile, int32_t end_tile,
                    const float *x) {
  const cln_cnm *s = w->step;
  const cln_cnm_plan *plan = w->plan;
  const cln_strip *strip = plan->strips + first_strip;
  const bool by_channels = s->by_channels;
  int64_t sum_rows[CLN_MAX_ROWS];
  for (int32_t t = 0; t < s->tile_rows; ++t) sum_rows[t] = t * plan->panel * plan->row_floats;
  for (int32_t block = 0; block < s->blocks; ++block) {
    float *sums = w->scratch + plan->sums_at;
    for (int32_t t = first_tile; t < end_tile; ++t) {
      const cln_tile *tile = plan->tiles + t;
      if (by_channels)
        compute_channel_tile(w, tile, strip, strips, block, x, sums);
      else
        compute_tile(w, tile, strip, strips, block, x, sums, sum_rows);
      sums += plan->panel * (by_channels ? plan->strip_floats : tile->rows * plan->row_floats);
    }
  }
}
