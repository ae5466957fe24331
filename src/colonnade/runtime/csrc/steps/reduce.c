/* Sums, products, extremes and their places, over any axes. Where the kept axis lies side by side in memory, a block of
 * results is kept while the reduced axes go by; else each result is made from lines of its own. */
#include <math.h>

#include "check.h"
#include "isa.h"
#include "share.h"

enum { BLOCK = 256 };           /* results at a time */
enum { PARTS = 16, MOST = 512 }; /* partial results, for the compiler to keep in vectors; numbers joined by those */

#define LAST (CLN_REDUCE_RANK - 1)

const char *CLN_ISA(cln_check_reduce)(cln_checker *c, const void *record) {
  const cln_reduce *s = record;
  const cln_model *m = c->model;
  int64_t last = 0;
  for (int i = 0; i < CLN_REDUCE_RANK; ++i) {
    CLN_NEED(s->kept[i] >= 1 && s->reduced[i] >= 1, "a reduction of nothing");
    last += CLN_PRODUCT(s->kept[i] - 1, s->kept_strides[i]) + CLN_PRODUCT(s->reduced[i] - 1, s->reduced_strides[i]);
  }
  CLN_NEED(CLN_PRODUCT(cln_product(CLN_REDUCE_RANK, s->kept), cln_product(CLN_REDUCE_RANK, s->reduced)) <= last + 1,
           "an element is read twice");
  CLN_VIEW(x, last + 1);
  CLN_VIEW(y, cln_product(CLN_REDUCE_RANK, s->kept));
  c->scratch = 2 * BLOCK * (int64_t)(sizeof(double) / sizeof(float));
  return NULL;
}

static float start_of(int32_t kind) {
  switch (kind) {
    case CLN_REDUCE_MAX: return -INFINITY;
    case CLN_REDUCE_MIN: return INFINITY;
    case CLN_REDUCE_PROD: return 1.0f;
  }
  return 0.0f;
}

/* NaN wins, as in ONNX Runtime and numpy. */
static float higher(float a, float b) { return a > b || a != a ? a : b; }
static float lower(float a, float b) { return a < b || a != a ? a : b; }

/* At most MOST numbers side by side, joined to `total`: partial results have no more digits than a float. */
static double join_piece(int32_t kind, double total, const float *x, int64_t n) {
  float parts[PARTS];
  for (int j = 0; j < PARTS; ++j) parts[j] = start_of(kind);
  int64_t i = 0;
#define JOIN(joined_part, joined_total)                              \
  for (; i + PARTS <= n; i += PARTS)                                 \
    for (int j = 0; j < PARTS; ++j) parts[j] = joined_part;          \
  for (int j = 0; j < PARTS; ++j) total = joined_total(parts[j]);    \
  for (; i < n; ++i) total = joined_total(x[i]);                     \
  break
#define ADD(v) total + (double)(v)
#define TIMES(v) total *(double)(v)
#define HIGHER(v) (double)higher((float)total, v)
#define LOWER(v) (double)lower((float)total, v)
  switch (kind) {
    case CLN_REDUCE_SUM: JOIN(parts[j] + x[i + j], ADD);
    case CLN_REDUCE_PROD: JOIN(parts[j] * x[i + j], TIMES);
    case CLN_REDUCE_MAX: JOIN(higher(parts[j], x[i + j]), HIGHER);
    case CLN_REDUCE_MIN: JOIN(lower(parts[j], x[i + j]), LOWER);
  }
  return total;
}

static double join_line(int32_t kind, double total, const float *x, int64_t n) {
  for (int64_t i = 0; i < n; i += MOST) total = join_piece(kind, total, x + i, n - i < MOST ? n - i : MOST);
  return total;
}

/* One number for each of `n` results, which lie side by side. places: of the extremes so far; at: that of this one. */
static void join_block(const cln_reduce *s, double *totals, double *places, const float *x, int64_t n, int64_t at) {
  switch (s->kind) {
    case CLN_REDUCE_SUM:
      for (int64_t i = 0; i < n; ++i) totals[i] += (double)x[i];
      break;
    case CLN_REDUCE_PROD:
      for (int64_t i = 0; i < n; ++i) totals[i] *= (double)x[i];
      break;
    case CLN_REDUCE_MAX:
      for (int64_t i = 0; i < n; ++i) totals[i] = (double)higher((float)totals[i], x[i]);
      break;
    case CLN_REDUCE_MIN:
      for (int64_t i = 0; i < n; ++i) totals[i] = (double)lower((float)totals[i], x[i]);
      break;
    default: {
      const double sign = s->kind == CLN_REDUCE_ARGMAX ? 1.0 : -1.0;
      for (int64_t i = 0; i < n; ++i) {
        const double value = sign * (double)x[i];
        if (at == 0 || value > totals[i] || (s->last && value == totals[i])) {
          totals[i] = value;
          places[i] = (double)at;
        }
      }
    }
  }
}

/* Where the reduced number `index` lies, but for the last `rank` axes left out. */
static int64_t place_of(const int64_t *dims, const int64_t *strides, int axes, int64_t index) {
  int64_t at = 0;
  for (int k = axes - 1; index && k >= 0; --k) {
    at += index % dims[k] * strides[k];
    index /= dims[k];
  }
  return at;
}

/* `n` results from y on, whose numbers begin at x and, from one to the next, `stride` later. */
static void reduce(const cln_reduce *s, const float *x, float *y, int64_t n, double *totals) {
  const bool places = s->kind == CLN_REDUCE_ARGMAX || s->kind == CLN_REDUCE_ARGMIN;
  const int64_t stride = s->kept_strides[LAST], outer = cln_product(LAST, s->reduced), inner = s->reduced[LAST];
  const int64_t step = s->reduced_strides[LAST];
  double *places_of = totals + BLOCK;
  for (int64_t i = 0; i < n; ++i) {
    totals[i] = (double)start_of(s->kind);
    places_of[i] = 0.0;
  }
  for (int64_t o = 0; o < outer; ++o) {
    const float *from = x + place_of(s->reduced, s->reduced_strides, LAST, o);
    if (!places && step == 1) {
      for (int64_t i = 0; i < n; ++i) totals[i] = join_line(s->kind, totals[i], from + i * stride, inner);
    } else if (stride == 1) {
      for (int64_t r = 0; r < inner; ++r) join_block(s, totals, places_of, from + r * step, n, o * inner + r);
    } else {
      for (int64_t i = 0; i < n; ++i)
        for (int64_t r = 0; r < inner; ++r)
          join_block(s, totals + i, places_of + i, from + i * stride + r * step, 1, o * inner + r);
    }
  }
  for (int64_t i = 0; i < n; ++i) y[i] = (float)(places ? places_of[i] : totals[i] * (double)s->scale);
}

/* Blocks of the last kept axis are divided among the threads. */
void CLN_ISA(cln_run_reduce)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_reduce);
  const int64_t inner = s->kept[LAST], blocks = (inner + BLOCK - 1) / BLOCK;
  int64_t begin, end;
  cln_share(session, thread, cln_product(LAST, s->kept) * blocks, &begin, &end);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t outer = unit / blocks, at = unit % blocks * BLOCK;
    const float *x = AT(x) + place_of(s->kept, s->kept_strides, LAST, outer) + at * s->kept_strides[LAST];
    reduce(s, x, AT(y) + outer * inner + at, inner - at < BLOCK ? inner - at : BLOCK, cln_scratch(session, thread));
  }
}
