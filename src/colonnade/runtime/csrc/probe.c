/* What the machine can do at most, by the threads of a session at once: the roofs of a profile's roofline. */
#include <time.h>

#include "internal.h"

enum { PROBE_FLOATS = CLN_MAX_VECTORS * CLN_MAX_LANES, LINE_WORDS = CLN_ALIGNMENT / sizeof(uint64_t) };

typedef struct {
  const cln_isa *isa;
  int threads;
  int64_t rounds;
  const uint64_t *words;
  size_t word_count; /* of each thread */
  atomic_ullong seen; /* what was read is used, or the compiler would not read it */
} probe;

static void multiply_add(void *argument, int thread) {
  probe *p = argument;
  (void)thread;
  float x[PROBE_FLOATS] = {0}, y[CLN_MAX_ROWS][PROBE_FLOATS];
  int64_t rows[CLN_MAX_ROWS];
  const float w = 1.0f;
  for (int i = 0; i < CLN_MAX_ROWS; ++i) {
    rows[i] = (int64_t)i * PROBE_FLOATS;
    for (int k = 0; k < PROBE_FLOATS; ++k) y[i][k] = (float)(i + 1);
  }
  p->isa->peak->kernel(&(cln_strip_args){
      .x = x, .w = &w, .n = (size_t)p->rounds, .count = PROBE_FLOATS, .c = y[0], .c_rows = rows, .y = y[0], .y_rows = rows});
  atomic_fetch_or(&p->seen, y[0][0] == 1.0f);
}

static void read_words(void *argument, int thread) {
  probe *p = argument;
  uint64_t seen = 0;
  for (int64_t round = 0; round < p->rounds; ++round)
    seen |= p->isa->read(p->words + (size_t)thread * p->word_count, p->word_count);
  atomic_fetch_or(&p->seen, seen);
}

/* Nanoseconds. The session's threads are known to be of this process. */
static double timed(cln_session *session, void (*function)(void *, int), probe *p) {
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  cln_team_run(session->team, function, p);
  clock_gettime(CLOCK_MONOTONIC, &after);
  return (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
}

double cln_session_fma_rate(cln_session *session, int64_t rounds) {
  const cln_isa *isa = session->model->isa;
  session->threads = cln_team_threads(session->team);
  probe p = {.isa = isa, .rounds = rounds};
  double ns = timed(session, multiply_add, &p);
  return (double)rounds * isa->peak->rows * isa->peak->floats * session->threads / ns;
}

double cln_session_read_rate(cln_session *session, const void *memory, size_t bytes, int64_t rounds) {
  session->threads = cln_team_threads(session->team);
  size_t lines = bytes / CLN_ALIGNMENT / (size_t)session->threads;
  probe p = {.isa = session->model->isa, .rounds = rounds, .words = memory, .word_count = lines * LINE_WORDS};
  double ns = timed(session, read_words, &p);
  return (double)(lines * CLN_ALIGNMENT) * (double)rounds * session->threads / ns;
}
