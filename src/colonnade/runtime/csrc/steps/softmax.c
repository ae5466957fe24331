/* Exponentials that add up to 1. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "share.h"

const char *CLN_ISA(cln_check_softmax)(cln_checker *c, const void *record) {
  const cln_softmax *s = record;
  const cln_model *m = c->model;
  CLN_VIEW(x, CLN_PRODUCT(s->outer, s->count, s->inner));
  CLN_VIEW(y, CLN_PRODUCT(s->outer, s->count, s->inner));
  return NULL;
}

void CLN_ISA(cln_run_softmax)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_softmax);
  int64_t begin, end;
  cln_share(session, thread, (int64_t)s->outer * s->inner, &begin, &end);
  for (int64_t p = begin; p < end; ++p) {
    int64_t at = p / s->inner * s->count * s->inner + p % s->inner, step = s->inner;
    const float *x = AT(x) + at;
    float *y = AT(y) + at, top = x[0];
    double sum = 0.0;
    for (int32_t i = 1; i < s->count; ++i) top = x[i * step] > top ? x[i * step] : top;
    for (int32_t i = 0; i < s->count; ++i) sum += y[i * step] = cln_exp(x[i * step] - top);
    for (int32_t i = 0; i < s->count; ++i) y[i * step] = (float)(y[i * step] / sum);
  }
}
