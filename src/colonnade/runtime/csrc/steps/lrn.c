/* Local response normalisation across channels. */
#include <math.h>

#include "check.h"
#include "isa.h"
#include "share.h"

enum { LRN_BLOCK = 64 }; /* positions handled together */

static void lrn_block(const cln_lrn *s, const float *x, float *y, int32_t n) {
  float sum[LRN_BLOCK];
  int32_t below = (s->size - 1) / 2, above = s->size - 1 - below;
  for (int32_t c = 0; c < s->channels; ++c) {
    int32_t first = c > below ? c - below : 0, last = c + above < s->channels ? c + above : s->channels - 1;
    for (int32_t i = 0; i < n; ++i) sum[i] = 0.0f;
    for (int32_t j = first; j <= last; ++j) {
      const float *row = x + (int64_t)j * s->inner;
      for (int32_t i = 0; i < n; ++i) sum[i] += row[i] * row[i];
    }
    int64_t at = (int64_t)c * s->inner;
    for (int32_t i = 0; i < n; ++i) {
      float base = s->bias + s->alpha / (float)s->size * sum[i];
      /* base ** 0.75 is what every network uses; square roots are vector instructions. */
      y[at + i] = x[at + i] / (s->beta == 0.75f ? sqrtf(base) * sqrtf(sqrtf(base)) : powf(base, s->beta));
    }
  }
}

const char *CLN_ISA(cln_check_lrn)(cln_checker *c, const void *record) {
  const cln_lrn *s = record;
  const cln_model *m = c->model;
  CLN_VIEW(x, CLN_PRODUCT(s->channels, s->inner));
  CLN_VIEW(y, CLN_PRODUCT(s->channels, s->inner));
  return NULL;
}

void CLN_ISA(cln_run_lrn)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_lrn);
  int64_t begin, end;
  cln_share(session, thread, s->inner, &begin, &end);
  for (int64_t i = begin; i < end; i += LRN_BLOCK)
    lrn_block(s, AT(x) + i, AT(y) + i, (int32_t)(end - i < LRN_BLOCK ? end - i : LRN_BLOCK));
}
