/* Where a Winograd step keeps what in a thread's scratch; derived from its record, when the model is opened and in every
 * run. */
#pragma once
#include "internal.h"

typedef struct {
  int32_t n, tiles_h, tiles_w;
  int64_t channels;            /* phases of all channels: rows and columns modulo stride */
  int64_t positions;           /* tiles of all images */
  int64_t width, panel;        /* NR; positions of a panel */
  int64_t phase;               /* floats from one column modulo m to the next in a split row; of one output likewise */
  int64_t data_step, sums_step; /* from one of the n * n products' operands (results) to the next */
  int64_t data_at, sums_at, rows_at, line_at, block_at, scratch_floats;
} cln_winograd_layout;

/* Multiples of the longest vector, so that what runs over the end of a row of outputs meets no other row. */
static inline int64_t cln_whole_vectors(int64_t floats) {
  return (floats + CLN_MAX_LANES - 1) / CLN_MAX_LANES * CLN_MAX_LANES;
}

/* r: side of the kernel of one phase. */
static inline int32_t cln_winograd_taps(const cln_winograd *s) { return (s->kernel + s->stride - 1) / s->stride; }

/* False when sizes overflow. The fields must be in range. */
static inline bool cln_winograd_layout_of(const cln_winograd *s, int32_t lanes, cln_winograd_layout *l) {
  int32_t m = s->m, n = m + cln_winograd_taps(s) - 1;
  l->n = n;
  l->tiles_h = (s->out_h + m - 1) / m;
  l->tiles_w = (s->out_w + m - 1) / m;
  l->positions = cln_extent(3, (int64_t[]){s->batch, l->tiles_h, l->tiles_w});
  l->width = (int64_t)s->vectors * lanes;
  l->panel = s->panel * l->width;
  l->phase = cln_whole_vectors(l->tiles_w + 1);
  l->channels = cln_extent(3, (int64_t[]){s->channels, s->stride, s->stride});
  int64_t data = cln_extent(2, (int64_t[]){l->channels, l->panel});
  int64_t sums = cln_extent(2, (int64_t[]){s->tile_rows, l->panel});
  if (l->positions < 0 || l->channels < 0 || data < 0 || sums < 0) return false;
  /* An odd number of cache lines: powers of two would map all products to the same few sets. */
  l->data_step = cln_whole_vectors(data) + CLN_MAX_LANES;
  l->sums_step = cln_whole_vectors(sums) + CLN_MAX_LANES;
  l->data_at = 0;
  l->sums_at = l->data_at + n * n * l->data_step;
  l->rows_at = l->sums_at + n * n * l->sums_step;
  l->line_at = l->rows_at + n * m * l->phase + CLN_SLACK;
  l->block_at = l->line_at + n * m * l->phase;
  l->scratch_floats = l->block_at + m * m * l->phase + CLN_SLACK;
  return true;
}
