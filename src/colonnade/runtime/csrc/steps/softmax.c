/* Exponentials that add up to 1: in blocks of positions side by side, or along one row at a time. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "share.h"

enum { LANES = 16 };

const char *CLN_ISA(cln_check_softmax)(cln_checker *c, const void *record) {
  const cln_softmax *s = record;
  const cln_model *m = c->model;
  CLN_VIEW(x, CLN_PRODUCT(s->outer, s->count, s->inner));
  CLN_VIEW(y, CLN_PRODUCT(s->outer, s->count, s->inner));
  return NULL;
}

/* `n` exponentials, n <= LANES, added to `sums`. x and y may be the same: what is stored was computed before. */
static inline void exponentials(float *y, const float *x, const float *top, double *sums, int64_t n) {
  float made[LANES];
  for (int64_t j = 0; j < n; ++j) made[j] = cln_exp(x[j] - top[j]);
  for (int64_t j = 0; j < n; ++j) sums[j] += made[j];
  memcpy(y, made, (size_t)n * sizeof *y);
}

static inline void keep_larger(float *top, const float *x, int64_t n) {
  for (int64_t j = 0; j < n; ++j) top[j] = x[j] > top[j] ? x[j] : top[j];
}

static inline void multiply(float *y, const double *factors, int64_t n) {
  float made[LANES];
  for (int64_t j = 0; j < n; ++j) made[j] = (float)(y[j] * factors[j]);
  memcpy(y, made, (size_t)n * sizeof *y);
}

/* Columns of `count` elements, `step` apart, of n positions side by side. */
static inline void columns(const cln_softmax *s, float *y, const float *x, int64_t n) {
  float top[LANES];
  double sums[LANES] = {0};
  memcpy(top, x, (size_t)n * sizeof *x);
  for (int64_t i = 1; i < s->count; ++i) keep_larger(top, x + i * s->inner, n);
  for (int64_t i = 0; i < s->count; ++i) exponentials(y + i * s->inner, x + i * s->inner, top, sums, n);
  for (int64_t j = 0; j < n; ++j) sums[j] = 1.0 / sums[j]; /* at least 1 was added */
  for (int64_t i = 0; i < s->count; ++i) multiply(y + i * s->inner, sums, n);
}

/* One row of `count` elements; each lane has the largest and the sum of its share of them. */
static void row(const cln_softmax *s, float *y, const float *x) {
  const int64_t whole = s->count / LANES * LANES, rest = s->count - whole;
  float top[LANES];
  double sums[LANES] = {0}, sum = 0.0;
  for (int j = 0; j < LANES; ++j) top[j] = x[0];
  for (int64_t i = 0; i < whole; i += LANES) keep_larger(top, x + i, LANES);
  keep_larger(top, x + whole, rest);
  for (int j = 1; j < LANES; ++j) keep_larger(top, top + j, 1);
  for (int j = 1; j < LANES; ++j) top[j] = top[0];
  for (int64_t i = 0; i < whole; i += LANES) exponentials(y + i, x + i, top, sums, LANES);
  exponentials(y + whole, x + whole, top, sums, rest);
  for (int j = 0; j < LANES; ++j) sum += sums[j];
  for (int j = 0; j < LANES; ++j) sums[j] = 1.0 / sum;
  for (int64_t i = 0; i < whole; i += LANES) multiply(y + i, sums, LANES);
  multiply(y + whole, sums, rest);
}

void CLN_ISA(cln_run_softmax)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_softmax);
  const int64_t blocks = (s->inner + LANES - 1) / LANES;
  int64_t begin, end;
  cln_share(session, thread, s->outer * blocks, &begin, &end);
  for (int64_t p = begin; p < end; ++p) {
    const int64_t first = p % blocks * LANES, at = p / blocks * s->count * s->inner + first;
    const int64_t n = s->inner - first < LANES ? s->inner - first : LANES;
    if (s->inner == 1)
      row(s, AT(y) + at, AT(x) + at);
    else if (n == LANES)
      columns(s, AT(y) + at, AT(x) + at, LANES);
    else
      columns(s, AT(y) + at, AT(x) + at, n);
  }
}
