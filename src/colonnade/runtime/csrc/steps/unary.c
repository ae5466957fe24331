/* An activation by itself. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "share.h"

const char *CLN_ISA(cln_check_unary)(cln_checker *c, const void *record) {
  const cln_unary *s = record;
  const cln_model *m = c->model;
  CLN_VIEW(x, s->count);
  CLN_VIEW(y, s->count);
  return NULL;
}

void CLN_ISA(cln_run_unary)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_unary);
  int64_t begin, end;
  cln_share(session, thread, s->count, &begin, &end);
  cln_activate(AT(y) + begin, AT(x) + begin, end - begin, CLN_ACT_OF(s));
}
