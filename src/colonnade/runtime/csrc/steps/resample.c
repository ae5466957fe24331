/* Every element of an axis as a sum of a few weighted ones: linear and cubic resizing, one axis at a time. */
#include "check.h"
#include "isa.h"
#include "share.h"

const char *CLN_ISA(cln_check_resample)(cln_checker *c, const void *record) {
  const cln_resample *s = record;
  const cln_model *m = c->model;
  const int64_t taps = CLN_PRODUCT(s->y_count, s->taps);
  CLN_TRY(cln_check_entries(m, s->indices, taps, s->x_count, "an index outside the axis"));
  CLN_TRY(cln_check_floats(m, s->weights, taps));
  CLN_VIEW(x, CLN_PRODUCT(s->outer, s->x_count, s->inner));
  CLN_VIEW(y, CLN_PRODUCT(s->outer, s->y_count, s->inner));
  return NULL;
}

static void one_line(const cln_resample *s, const int32_t *indices, const float *weights, const float *x, float *y) {
  for (int32_t j = 0; j < s->y_count; ++j) {
    float sum = 0.0f;
    for (int32_t k = 0; k < s->taps; ++k) sum += weights[j * s->taps + k] * x[indices[j * s->taps + k]];
    y[j] = sum;
  }
}

/* Runs of `inner` elements: a sum of two is what linear resizing asks for. */
static void one_run(const cln_resample *s, const int32_t *indices, const float *weights, const float *x, float *restrict y) {
  const float *a = x + indices[0] * s->inner;
  if (s->taps == 1) {
    for (int64_t i = 0; i < s->inner; ++i) y[i] = weights[0] * a[i];
    return;
  }
  const float *b = x + indices[1] * s->inner;
  for (int64_t i = 0; i < s->inner; ++i) y[i] = weights[0] * a[i] + weights[1] * b[i];
  for (int32_t k = 2; k < s->taps; ++k) {
    const float *more = x + indices[k] * s->inner;
    for (int64_t i = 0; i < s->inner; ++i) y[i] += weights[k] * more[i];
  }
}

void CLN_ISA(cln_run_resample)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_resample);
  const int32_t *indices = session->model->ints + s->indices;
  const float *weights = cln_constants(session->model, s->weights);
  int64_t begin, end;
  if (s->inner == 1) {
    cln_share(session, thread, s->outer, &begin, &end);
    for (int64_t o = begin; o < end; ++o)
      one_line(s, indices, weights, AT(x) + o * s->x_count, AT(y) + o * s->y_count);
    return;
  }
  cln_share(session, thread, s->outer * s->y_count, &begin, &end);
  for (int64_t run = begin; run < end; ++run) {
    const int64_t j = run % s->y_count;
    one_run(s, indices + j * s->taps, weights + j * s->taps, AT(x) + run / s->y_count * s->x_count * s->inner,
            AT(y) + run * s->inner);
  }
}
