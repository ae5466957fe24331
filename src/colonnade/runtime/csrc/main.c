/* colonnade-run: a model file, a .npy file in, a .npy file out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "npy.h"

static const char usage[] =
    "usage: colonnade-run MODEL.colonnade [--input X.npy]... [--output Y.npy]... [--bench N] [--profile] [--threads N]\n"
    "\n"
    "  --input FILE    one per input, in order (float32, the model's shape); without any, zeros\n"
    "  --output FILE   one per output, in order\n"
    "  --bench N       run N times after one to warm up; print the median and the minimum\n"
    "  --profile       print each step's median time over the runs of --bench (default 10)\n"
    "  --threads N     default 1\n";

enum { MAX_FILES = 64, ERROR_BYTES = 512, DEFAULT_RUNS = 10, MAX_RUNS = 1000000 };

typedef struct {
  const char *model, *inputs[MAX_FILES], *outputs[MAX_FILES];
  int input_count, output_count, bench, threads;
  bool profile;
} options;

typedef struct {
  cln_model *model;
  cln_session *session;
  float *inputs[MAX_FILES], *outputs[MAX_FILES];
} run_state;

/* One line on stderr; the exit code for a user's mistake. */
static int complain(const char *about, const char *error) {
  fprintf(stderr, "error: %s: %s\n", about, error);
  return 2;
}

/* A whole number from low to high, or -1. */
static int number(const char *text, int low, int high) {
  char *end;
  long value = strtol(text, &end, 10);
  return *text && !*end && value >= low && value <= high ? (int)value : -1;
}

static int parse_option(options *o, const char *name, const char *value) {
  if (!strcmp(name, "--input") && o->input_count < MAX_FILES) {
    o->inputs[o->input_count++] = value;
  } else if (!strcmp(name, "--output") && o->output_count < MAX_FILES) {
    o->outputs[o->output_count++] = value;
  } else if (!strcmp(name, "--bench")) {
    if ((o->bench = number(value, 1, MAX_RUNS)) < 0) return complain(name, "must be a whole number from 1");
  } else if (!strcmp(name, "--threads")) {
    if ((o->threads = number(value, 1, 1024)) < 0) return complain(name, "must be a whole number from 1 to 1024");
  } else {
    return complain(name, "unknown option; see colonnade-run --help");
  }
  return 0;
}

static int parse(int count, char **arguments, options *o) {
  for (int i = 1; i < count; ++i) {
    const char *name = arguments[i];
    if (!strcmp(name, "--profile")) {
      o->profile = true;
    } else if (strncmp(name, "--", 2)) {
      if (o->model) return complain(name, "one model file at a time");
      o->model = name;
    } else if (i + 1 == count) {
      return complain(name, "a value or another option is missing; see colonnade-run --help");
    } else {
      int status = parse_option(o, name, arguments[++i]);
      if (status) return status;
    }
  }
  return o->model ? 0 : complain("colonnade-run", "no model file; see colonnade-run --help");
}

static int prepare(const options *o, run_state *s) {
  char error[ERROR_BYTES];
  if (cln_model_open(o->model, &s->model, error, sizeof error)) return complain(o->model, error);
  int inputs = cln_model_inputs(s->model), outputs = cln_model_outputs(s->model);
  if (inputs > MAX_FILES || outputs > MAX_FILES) return complain(o->model, "too many inputs or outputs");
  if (o->input_count && o->input_count != inputs) {
    snprintf(error, sizeof error, "has %d inputs, not %d", inputs, o->input_count);
    return complain(o->model, error);
  }
  if (o->output_count > outputs) {
    snprintf(error, sizeof error, "has only %d outputs", outputs);
    return complain(o->model, error);
  }
  if (cln_session_create(s->model, o->threads, &s->session, error, sizeof error)) return complain(o->model, error);
  for (int i = 0; i < inputs; ++i) {
    cln_info info = cln_model_input(s->model, i);
    if (!(s->inputs[i] = cln_aligned_alloc((size_t)info.floats * sizeof(float)))) return complain("memory", "short");
    if (o->input_count && npy_read(o->inputs[i], info.dims, info.rank, s->inputs[i], error, sizeof error))
      return complain(o->inputs[i], error);
  }
  for (int i = 0; i < outputs; ++i) {
    s->outputs[i] = cln_aligned_alloc((size_t)cln_model_output(s->model, i).floats * sizeof(float));
    if (!s->outputs[i]) return complain("memory", "short");
  }
  return 0;
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Sorts; the median of n times. */
static double median(double *times, int n) {
  qsort(times, (size_t)n, sizeof *times, ascending);
  return n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void print_profile(const run_state *s, const double *step_ns, int runs, double *column) {
  int steps = cln_model_steps(s->model);
  for (int i = 0; i < steps; ++i) {
    for (int r = 0; r < runs; ++r) column[r] = step_ns[(size_t)r * (size_t)steps + (size_t)i] / 1e6;
    const char *op, *name = cln_model_step(s->model, i, &op);
    printf("%9.3f ms  %-12s %s\n", median(column, runs), op, name);
  }
}

static int bench(const options *o, run_state *s) {
  int runs = o->bench ? o->bench : DEFAULT_RUNS, steps = cln_model_steps(s->model);
  double *times = calloc((size_t)runs, sizeof *times), *column = calloc((size_t)runs, sizeof *column);
  double *step_ns = calloc((size_t)runs * (size_t)steps + 1, sizeof *step_ns);
  int status = times && column && step_ns ? 0 : complain("memory", "short");
  const float *const *inputs = (const float *const *)s->inputs;
  if (!status) {
    cln_session_run(s->session, inputs, s->outputs);
    for (int r = 0; r < runs; ++r) {
      double start = now_ms();
      if (o->profile)
        cln_session_profile(s->session, inputs, s->outputs, step_ns + (size_t)r * (size_t)steps);
      else
        cln_session_run(s->session, inputs, s->outputs);
      times[r] = now_ms() - start;
    }
    if (o->profile) print_profile(s, step_ns, runs, column);
    double middle = median(times, runs);
    printf("median %.3f ms, minimum %.3f ms, %d runs, %d threads, %s\n", middle, times[0], runs, o->threads,
           cln_model_target(s->model));
  }
  free(times);
  free(column);
  free(step_ns);
  return status;
}

static int write_outputs(const options *o, const run_state *s) {
  char error[ERROR_BYTES];
  for (int i = 0; i < o->output_count; ++i) {
    cln_info info = cln_model_output(s->model, i);
    if (npy_write(o->outputs[i], info.dims, info.rank, s->outputs[i], error, sizeof error))
      return complain(o->outputs[i], error);
  }
  return 0;
}

int main(int count, char **arguments) {
  if (count == 2 && (!strcmp(arguments[1], "--help") || !strcmp(arguments[1], "--version"))) {
    fputs(!strcmp(arguments[1], "--help") ? usage : "", stdout);
    if (!strcmp(arguments[1], "--version")) printf("colonnade-run %s (build %s)\n", cln_version(), cln_build());
    return 0;
  }
  options o = {.threads = 1};
  run_state s = {0};
  int status = parse(count, arguments, &o);
  if (!status) status = prepare(&o, &s);
  if (!status) {
    if (o.bench || o.profile)
      status = bench(&o, &s);
    else
      cln_session_run(s.session, (const float *const *)s.inputs, s.outputs);
  }
  if (!status) status = write_outputs(&o, &s);
  cln_session_free(s.session);
  cln_model_close(s.model);
  for (int i = 0; i < MAX_FILES; ++i) {
    free(s.inputs[i]);
    free(s.outputs[i]);
  }
  return status;
}
