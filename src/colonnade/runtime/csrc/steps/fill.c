/* Equal floats. */
#include "check.h"
#include "isa.h"
#include "share.h"

const char *CLN_ISA(cln_check_fill)(cln_checker *c, const void *record) {
  const cln_fill *s = record;
  const cln_model *m = c->model;
  CLN_VIEW(y, s->count);
  return NULL;
}

void CLN_ISA(cln_run_fill)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_fill);
  int64_t begin, end;
  cln_share(session, thread, s->count, &begin, &end);
  float *y = AT(y);
  for (int64_t i = begin; i < end; ++i) y[i] = s->value;
}
