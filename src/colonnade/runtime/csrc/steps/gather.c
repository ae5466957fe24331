/* Elements along one axis, by a table of indices. */
#include "check.h"
#include "isa.h"
#include "share.h"

const char *CLN_ISA(cln_check_gather)(cln_checker *c, const void *record) {
  const cln_gather *s = record;
  const cln_model *m = c->model;
  CLN_TRY(cln_check_ints(m, s->indices, s->y_count));
  const cln_bounds found = cln_bounds_of(m->ints + s->indices, s->y_count);
  CLN_NEED(found.low >= -1 && found.high < s->x_count, "an index outside the axis");
  CLN_VIEW(x, CLN_PRODUCT(s->outer, s->x_count, s->inner));
  CLN_VIEW(y, CLN_PRODUCT(s->outer, s->y_count, s->inner));
  return NULL;
}

/* One line of the last axis. */
static void gather_line(const cln_gather *s, const int32_t *indices, const float *x, float *y) {
  for (int32_t j = 0; j < s->y_count; ++j) y[j] = indices[j] < 0 ? s->fill : x[indices[j]];
}

/* `inner` elements for each index. */
static void gather_runs(const cln_gather *s, const int32_t *indices, const float *x, float *y) {
  for (int32_t j = 0; j < s->y_count; ++j, y += s->inner) {
    if (indices[j] >= 0)
      memmove(y, x + indices[j] * s->inner, (size_t)s->inner * sizeof *y); /* they do not overlap but in a file made to */
    else
      for (int64_t i = 0; i < s->inner; ++i) y[i] = s->fill;
  }
}

void CLN_ISA(cln_run_gather)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_gather);
  const int32_t *indices = session->model->ints + s->indices;
  int64_t begin, end;
  cln_share(session, thread, s->outer, &begin, &end);
  for (int64_t o = begin; o < end; ++o) {
    const float *x = AT(x) + o * s->x_count * s->inner;
    float *y = AT(y) + o * s->y_count * s->inner;
    (s->inner == 1 ? gather_line : gather_runs)(s, indices, x, y);
  }
}
