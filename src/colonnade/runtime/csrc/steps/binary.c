/* Sums and products of two values. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "share.h"

static void combine(float *restrict y, const float *restrict a, const float *restrict b, int64_t n, bool multiply) {
  if (multiply)
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] * b[i];
  else
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] + b[i];
}

static void combine_scalar(float *restrict y, const float *restrict a, float b, int64_t n, bool multiply) {
  if (multiply)
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] * b;
  else
    for (int64_t i = 0; i < n; ++i) y[i] = a[i] + b;
}

const char *CLN_ISA(cln_check_binary)(cln_checker *c, const void *record) {
  const cln_binary *s = record;
  const cln_model *m = c->model;
  const int64_t count = CLN_PRODUCT(s->outer, s->inner);
  CLN_VIEW(a, count);
  CLN_VIEW(b, s->broadcast ? s->outer : count);
  CLN_VIEW(y, count);
  return NULL;
}

void CLN_ISA(cln_run_binary)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_binary);
  const float *a = AT(a), *b = AT(b);
  float *y = AT(y);
  cln_act act = CLN_ACT_OF(s);
  int64_t begin, end;
  cln_share(session, thread, s->outer, &begin, &end);
  for (int64_t o = begin; o < end; ++o) {
    int64_t at = o * s->inner;
    if (s->broadcast)
      combine_scalar(y + at, a + at, b[o], s->inner, s->multiply);
    else
      combine(y + at, a + at, b + at, s->inner, s->multiply);
    cln_activate(y + at, y + at, s->inner, act);
  }
}
