/* Moves between two orders of the elements. */
#include "check.h"
#include "isa.h"
#include "share.h"

static void copy_level(const cln_copy *s, int level, const float *x, float *y) {
  int64_t n = s->dims[level], dx = s->x_strides[level], dy = s->y_strides[level];
  if (level + 1 < CLN_MAX_RANK) {
    for (int64_t i = 0; i < n; ++i) copy_level(s, level + 1, x + i * dx, y + i * dy);
  } else if (dx == 1 && dy == 1) {
    memmove(y, x, (size_t)n * sizeof *y); /* they do not overlap but in a file made to */
  } else {
    for (int64_t i = 0; i < n; ++i) y[i * dy] = x[i * dx];
  }
}

const char *CLN_ISA(cln_check_copy)(cln_checker *c, const void *record) {
  const cln_copy *s = record;
  const cln_model *m = c->model;
  const int64_t written = cln_reach(s->dims, s->y_strides);
  for (int i = 0; i < CLN_MAX_RANK; ++i) CLN_NEED(s->dims[i] >= 1, "a copy of nothing");
  CLN_NEED(cln_product(CLN_MAX_RANK, s->dims) <= written, "an element is written twice");
  CLN_VIEW(x, cln_reach(s->dims, s->x_strides));
  CLN_VIEW(y, written);
  return NULL;
}

/* The first dimension is divided among the threads. */
void CLN_ISA(cln_run_copy)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_copy);
  int64_t begin, end;
  cln_share(session, thread, s->dims[0], &begin, &end);
  for (int64_t i = begin; i < end; ++i)
    copy_level(s, 1, AT(x) + i * s->x_strides[0], AT(y) + i * s->y_strides[0]);
}
