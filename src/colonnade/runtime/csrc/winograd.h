/* Where a Winograd step keeps what in a thread's scratch; derived from its record, when the model is opened and in every
 * run. */
#pragma once
#include "internal.h"

typedef struct {
  int32_t n, tiles_h, tiles_w;
  int64_t channels;             /* phases of all channels: rows and columns modulo stride */
  int64_t positions;            /* tiles of all images */
  int64_t width, panel;         /* NR; positions of a panel */
  int64_t line;                 /* floats of a padded line of inputs */
  int64_t lines;                /* of a phase that a panel is made from, at most */
  int64_t half_step;            /* from one of the m * n transforms of rows to the next */
  int64_t data_step, sums_step; /* from one of the n * n products' operands (results) to the next */
  int64_t data_at, sums_at, half_at, lines_at, scratch_floats;
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
  if (l->positions < 0) return false;
  l->line = m * cln_whole_vectors(l->tiles_w + 1);
  int64_t rows = (l->panel < l->positions ? l->panel : l->positions) / l->tiles_w + 2; /* of tiles */
  if (rows > l->tiles_h) rows = l->tiles_h;
  l->lines = m * (rows - 1) + n;
  int64_t half = cln_extent(2, (int64_t[]){rows + 1, l->tiles_w});
  int64_t padded = cln_extent(2, (int64_t[]){l->lines, l->line});
  l->channels = cln_extent(3, (int64_t[]){s->channels, s->stride, s->stride});
  int64_t data = cln_extent(2, (int64_t[]){l->channels, l->panel});
  int64_t sums = cln_extent(2, (int64_t[]){s->tile_rows, l->panel});
  if (half < 0 || padded < 0 || l->channels < 0 || data < 0 || sums < 0) return false;
  /* Two cache lines more: powers of two would map all products to the same few sets. */
  l->half_step = cln_whole_vectors(half) + CLN_MAX_LANES;
  l->data_step = cln_whole_vectors(data) + CLN_MAX_LANES;
  l->sums_step = cln_whole_vectors(sums) + CLN_MAX_LANES;
  l->data_at = 0;
  l->sums_at = l->data_at + n * n * l->data_step;
  l->half_at = l->sums_at + n * n * l->sums_step;
  l->lines_at = l->half_at + n * m * l->half_step + CLN_SLACK;
  l->scratch_floats = l->lines_at + padded + CLN_SLACK;
  return true;
}
