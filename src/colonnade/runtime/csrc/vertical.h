/* Where a vertical Winograd step keeps what in a thread's scratch; derived from its record, when the model is opened and in
 * every run.
 *
 * One of n transforms is [channel][phase of rows][phase of columns][row of tiles][pitch], a plane for each phase: element j
 * of a row is the padded input's column j * stride_w + phase, so line (c, phase, column x) of kernels lies x / stride_w
 * floats into that of phase x mod stride_w. With stride_w 1 the padding at the end of a row is that before the next one. */
#pragma once
#include "internal.h"

/* Padded lines of which a call of a transform is made, at most. */
enum { CLN_VERTICAL_LINES = 64 };

typedef struct {
  int32_t n, tiles_h;
  int64_t total, panel;        /* rows of tiles, of all images; of a panel */
  int64_t planes;              /* of a transform: phases of all channels */
  int64_t pitch, plane;        /* floats from row to row, from plane to plane */
  int64_t positions, width;    /* of a panel; NR */
  int64_t data_step;           /* from one of the n transforms to the next */
  int64_t sum_row, sums_step;  /* from one row of sums to the next; from one product to the next */
  int64_t line;                /* floats of a line that is copied */
  int64_t data_at, sums_at, lines_at, zeros_at, scratch_floats;
} cln_vertical_layout;

/* r: weights of a line. */
static inline int32_t cln_vertical_taps(const cln_vertical *s) { return (s->kernel_h + s->stride_h - 1) / s->stride_h; }

/* Floats from row to row of a transform. */
static inline int64_t cln_vertical_pitch(const cln_vertical *s) {
  if (s->stride_w > 1) return (int64_t)s->out_w + (s->kernel_w - 1) / s->stride_w;
  int64_t padded = (int64_t)s->in_w + (s->pad_left > s->pad_right ? s->pad_left : s->pad_right);
  return padded > s->out_w ? padded : s->out_w;
}

/* False when sizes overflow. The fields must be in range. */
static inline bool cln_vertical_layout_of(const cln_vertical *s, int32_t lanes, cln_vertical_layout *l) {
  l->n = s->m + cln_vertical_taps(s) - 1;
  l->tiles_h = (s->out_h + s->m - 1) / s->m;
  l->total = (int64_t)s->batch * l->tiles_h;
  l->panel = s->panel < l->total ? s->panel : l->total;
  l->pitch = cln_vertical_pitch(s);
  int64_t left = s->stride_w > 1 ? 0 : s->pad_left, rows = cln_extent(2, (int64_t[]){l->panel, l->pitch});
  if (rows < 0) return false;
  /* A row that runs over the end of one phase must not meet another, whose rows may be there already. */
  l->plane = cln_whole_lines(left + rows + (s->stride_w > 1 ? CLN_MAX_LANES : 0));
  l->planes = cln_extent(3, (int64_t[]){s->channels, s->stride_h, s->stride_w});
  l->positions = rows - l->pitch + s->out_w;
  l->width = (int64_t)s->vectors * lanes;
  l->sum_row = (l->positions + l->width - 1) / l->width * l->width;
  int64_t data = cln_extent(2, (int64_t[]){l->planes, l->plane});
  int64_t sums = cln_extent(2, (int64_t[]){s->tile_rows, l->sum_row});
  if (data < 0 || sums < 0) return false;
  /* Two cache lines more: powers of two would map all products to the same few sets. */
  l->data_step = cln_whole_lines(data) + CLN_MAX_LANES;
  l->sums_step = cln_whole_lines(sums) + CLN_MAX_LANES;
  l->line = cln_whole_lines(l->pitch > s->in_w ? l->pitch : s->in_w) + CLN_MAX_LANES;
  l->data_at = 0;
  l->sums_at = l->data_at + l->n * l->data_step + cln_whole_lines(l->plane + l->width);
  l->lines_at = l->sums_at + l->n * l->sums_step + CLN_MAX_LANES;
  l->zeros_at = l->lines_at + CLN_VERTICAL_LINES * s->stride_w * l->line;
  l->scratch_floats = l->zeros_at + l->line + CLN_SLACK;
  return l->scratch_floats < INT64_C(1) << 40;
}
