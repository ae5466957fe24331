/* Where a depthwise step keeps what in a thread's scratch; derived from its record, when the model is opened and in every
 * run. */
#pragma once
#include "internal.h"

/* Of a band's padded rows, about: half of a first-level cache. */
enum { CLN_BAND_FLOATS = 4096 };

typedef struct {
  int32_t band;         /* rows of outputs whose input is padded at a time */
  int32_t width;        /* NR; 0 if of any length */
  int32_t pitch, phase; /* floats from row to row of the data that windows are read from, and to the odd columns */
  int32_t lead, row;    /* before the first padded row, so that x begins at cache lines; of one phase of a row */
  int64_t edge_at;      /* outputs that would run over their plane's end; the padded rows come first */
  int32_t rows;         /* of input that a plane of outputs reads, padding and all */
  int64_t table_at, scratch_floats; /* pointers to these */
} cln_depthwise_layout;

/* False when sizes overflow. The fields must be in range. */
static inline bool cln_depthwise_layout_of(const cln_depthwise *s, const cln_isa *isa, cln_depthwise_layout *l) {
  int32_t vectors = s->vectors * isa->lanes, outputs = s->out_w > vectors ? s->out_w : vectors;
  *l = (cln_depthwise_layout){.width = vectors, .band = s->out_h, .pitch = s->x_pitch};
  if (!s->direct) {
    if (outputs > INT32_MAX / 4) return false;
    int32_t even = (s->pad_left + s->stride - 1) / s->stride, odd = s->pad_left / s->stride; /* padding of a phase */
    l->row = outputs + (s->kernel - 1) / s->stride;
    l->lead = (int32_t)cln_whole_lines(even) - even;
    l->phase = (int32_t)cln_whole_lines(l->row) + even - odd;
    l->pitch = (int32_t)cln_whole_lines((s->stride - 1) * l->phase + l->row);
    int32_t fits = (CLN_BAND_FLOATS / l->pitch - s->kernel) / s->stride + 1;
    l->band = fits > s->tile_rows ? fits / s->tile_rows * s->tile_rows : s->tile_rows;
    l->edge_at = cln_extent(2, (int64_t[]){(l->band - 1) * s->stride + s->kernel + 1, l->pitch});
  }
  l->rows = (s->out_h - 1) * s->stride + s->kernel;
  l->table_at = cln_whole_lines(l->edge_at + s->tile_rows * (int64_t)vectors + CLN_SLACK);
  l->scratch_floats = l->table_at + l->rows * (int64_t)sizeof(float *) / (int64_t)sizeof(float);
  return l->edge_at >= 0;
}
