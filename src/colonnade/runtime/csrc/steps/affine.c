/* A factor and a summand for each channel. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "lines.h"
#include "share.h"

static void scale(float *restrict y, const float *restrict x, int64_t n, float a, float b, float lo, float hi) {
  if (hi == INFINITY && scale_at_least(y, x, n, a, b, lo)) return;
  for (int64_t i = 0; i < n; ++i) y[i] = cln_clamp(x[i] * a + b, lo, hi);
}

const char *CLN_ISA(cln_check_affine)(cln_checker *c, const void *record) {
  const cln_affine *s = record;
  const cln_model *m = c->model;
  CLN_TRY(cln_check_floats(m, s->scale, s->channels));
  CLN_TRY(cln_check_floats(m, s->shift, s->channels));
  CLN_VIEW(x, CLN_PRODUCT(s->channels, s->inner));
  CLN_VIEW(y, CLN_PRODUCT(s->channels, s->inner));
  return NULL;
}

void CLN_ISA(cln_run_affine)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_affine);
  const float *factor = cln_constants(session->model, s->scale), *shift = cln_constants(session->model, s->shift);
  cln_act act = CLN_ACT_OF(s);
  bool clamp = act.kind == CLN_ACT_CLAMP;
  float lo = clamp ? act.lo : -INFINITY, hi = clamp ? act.hi : INFINITY;
  int64_t begin, end;
  cln_share(session, thread, s->channels, &begin, &end);
  for (int64_t c = begin; c < end; ++c) {
    float *y = AT(y) + c * s->inner;
    scale(y, AT(x) + c * s->inner, s->inner, factor[c], shift[c], lo, hi);
    if (!clamp) cln_activate(y, s->inner, act);
  }
}
