/* colonnade-run --turns: models of the same inputs and outputs, one after the other, again and again, so that a drift of
 * clock or load falls on all alike. Written for programs to read:
 *
 *   error MODEL VALUE             with --expect: largest difference / largest expected magnitude
 *   turn MODEL NS NS ...          nanoseconds of each step in one run, in the order of the runs
 *   done                          nothing was lost on the way
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "runner.h"

enum { LINE = CLN_ALIGNMENT / sizeof(float) };

/* One element as a number. */
static double element(cln_element type, const void *array, int64_t index) {
  switch (type) {
    case CLN_F32: return ((const float *)array)[index];
  }
  return NAN;
}

/* NaN if any output is. */
static double largest_error(const cln_model *model, void *const *outputs, void *const *expected) {
  double worst = 0, scale = 0;
  for (int i = 0; i < cln_model_outputs(model); ++i) {
    const cln_info info = cln_model_output(model, i);
    for (int64_t k = 0; k < info.elements; ++k) {
      double wanted = element(info.element, expected[i], k), difference = fabs(element(info.element, outputs[i], k) - wanted);
      if (isnan(difference)) return NAN;
      worst = fmax(worst, difference);
      scale = fmax(scale, fabs(wanted));
    }
  }
  return scale > 0 ? worst / scale : worst;
}

/* The first run of each model warms up and is compared. */
static int check_all(const options *o, run_state *s) {
  void *expected[MAX_FILES] = {0};
  const cln_model *first = s->models[0].model;
  int outputs = cln_model_outputs(first), status = 0;
  if (o->expected_count)
    status = read_arrays(first, cln_model_output, outputs, o->expected, o->expected_count, expected);
  for (int m = 0; m < o->model_count && !status; ++m) {
    cln_session_run(s->models[m].session, (const void *const *)s->inputs, s->outputs);
    if (o->expected_count) printf("error %d %.9g\n", m, largest_error(first, s->outputs, expected));
  }
  for (int i = 0; i < MAX_FILES; ++i) free(expected[i]);
  return status;
}

/* Writes to every cache line; volatile, or the compiler would see that nobody reads them. */
static void evict(volatile float *memory, size_t bytes) {
  for (size_t i = 0; i < bytes / sizeof *memory; i += LINE) memory[i] += 1.0f;
}

int take_turns(const options *o, run_state *s) {
  size_t steps = 0;
  for (int m = 0; m < o->model_count; ++m) steps += (size_t)cln_model_steps(s->models[m].model);
  double *times = calloc(steps * (size_t)o->turns + 1, sizeof *times), *at = times;
  float *others = cln_aligned_alloc(o->evict_bytes);
  int status = times && others ? check_all(o, s) : complain("memory", "short");
  for (int turn = 0; turn < o->turns && !status; ++turn) {
    for (int m = 0; m < o->model_count; ++m) {
      evict(others, o->evict_bytes);
      cln_session_profile(s->models[m].session, (const void *const *)s->inputs, s->outputs, at);
      at += cln_model_steps(s->models[m].model);
    }
  }
  at = times;
  for (int turn = 0; turn < o->turns && !status; ++turn) {
    for (int m = 0; m < o->model_count; ++m) {
      printf("turn %d", m);
      for (int i = 0; i < cln_model_steps(s->models[m].model); ++i) printf(" %.0f", *at++);
      putchar('\n');
    }
  }
  free(times);
  free(others);
  if (!status && puts("done") < 0) status = complain("standard output", strerror(errno));
  return status;
}
