/* What both kinds of Winograd's convolutions share: pieces of a panel, and the products between the transforms. */
#pragma once
#include "internal.h"

/* Positions first .. first + count - 1 of unit number `unit`, a line or an image; `at`: of the first one, in the panel. */
typedef struct {
  int64_t unit, first, at, count;
} cln_piece;

/* From `at` on in a panel of `count` positions from `begin` on: at most `most`, all of one unit of `size`. */
static inline cln_piece cln_piece_at(int64_t begin, int64_t count, int64_t at, int64_t size, int64_t most) {
  const int64_t position = begin + at, first = position % size, left = count - at, room = size - first;
  const int64_t n = left < room ? left : room;
  return (cln_piece){.unit = position / size, .first = first, .at = at, .count = n < most ? n : most};
}

/* Kernels of T rows, in strips of at most `width` positions. */
typedef struct {
  const cln_kernel_grid *kernels;
  int32_t tile_rows, lanes;
  int64_t width;
} cln_products;

/* One product: `rows` <= tile_rows rows at a->y_rows from y on, `count` positions from x on. */
static inline void cln_multiply(const cln_products *p, int32_t rows, cln_strip_args *a, const float *x, float *y, int64_t count) {
  for (int64_t at = 0; at < count; at += p->width) {
    int64_t left = count - at < p->width ? count - at : p->width;
    int32_t vectors = (int32_t)((left + p->lanes - 1) / p->lanes);
    while (!(*p->kernels)[p->tile_rows][vectors]) ++vectors; /* the plan's V is one */
    a->x = x + at;
    a->y = y + at;
    a->count = (size_t)left;
    (*p->kernels)[rows][vectors](a);
  }
}
