/* The maximum or average of each plane. */
#include "check.h"
#include "isa.h"
#include "share.h"

enum { PARTS = 16 }; /* partial sums or maxima, for the compiler to keep in vectors */

static float sum(const float *x, int32_t n) {
  float parts[PARTS] = {0}, total = 0.0f;
  int32_t i = 0;
  for (; i + PARTS <= n; i += PARTS)
    for (int32_t j = 0; j < PARTS; ++j) parts[j] += x[i + j];
  for (; i < n; ++i) total += x[i];
  for (int32_t j = 0; j < PARTS; ++j) total += parts[j];
  return total;
}

static float largest(float top, const float *x, int32_t n) {
  for (int32_t i = 0; i < n; ++i) top = x[i] > top || x[i] != x[i] ? x[i] : top;
  return top;
}

const char *CLN_ISA(cln_check_global_pool)(cln_checker *c, const void *record) {
  const cln_global_pool *s = record;
  const cln_model *m = c->model;
  CLN_NEED(CLN_PRODUCT(s->height, s->width) < INT32_MAX, "size out of range");
  CLN_VIEW(x, cln_planes_span(s->planes, s->height, s->width, s->x_pitch, s->x_plane));
  CLN_VIEW(y, s->planes);
  return NULL;
}

void CLN_ISA(cln_run_global_pool)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_global_pool);
  bool dense = s->x_pitch == s->width; /* lines side by side are one */
  int32_t lines = dense ? 1 : s->height, width = dense ? s->height * s->width : s->width;
  float count = (float)s->height * (float)s->width;
  int64_t begin, end;
  cln_share(session, thread, s->planes, &begin, &end);
  for (int64_t p = begin; p < end; ++p) {
    const float *line = AT(x) + p * s->x_plane;
    float of_plane = s->average ? 0.0f : *line;
    for (int32_t y = 0; y < lines; ++y, line += s->x_pitch)
      of_plane = s->average ? of_plane + sum(line, width) : largest(of_plane, line, width);
    AT(y)[p] = s->average ? of_plane / count : of_plane;
  }
}
