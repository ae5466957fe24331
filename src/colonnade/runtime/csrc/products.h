/* The matrix products between Winograd's transforms. */
#pragma once
#include "internal.h"

/* Kernels of T rows, in strips of at most `width` positions. */
typedef struct {
  const cln_kernel_grid *kernels;
  int32_t tile_rows, lanes;
  int64_t width;
} cln_products;

/* One product: `rows` <= tile_rows rows at a->y_rows from y on, `count` positions from x on. */
static inline void cln_multiply(const cln_products *p, int32_t rows, cln_tile *a, const float *x, float *y, int64_t count) {
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
