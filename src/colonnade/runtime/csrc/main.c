/* colonnade-run: a model file, a .npy file in, a .npy file out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"
#include "npy.h"
#include "runner.h"

static const char usage[] =
    "usage: colonnade-run MODEL.colonnade [--input X.npy]... [--output Y.npy]... [--bench N] [--profile] [--threads N]\n"
    "       colonnade-run MODEL.colonnade... --turns N [--input X.npy]... [--expect Y.npy]... [--evict BYTES]\n"
    "\n"
    "  --input FILE    one per input, in order (of the model's type and shape); without any, zeros\n"
    "  --output FILE   one per output, in order\n"
    "  --bench N       run N times after one to warm up; print the median and the minimum\n"
    "  --profile       print each step's median time over the runs of --bench (default 10)\n"
    "  --threads N     default 1\n"
    "  --program N     of a file with several: 0, 1, ...; without it the first that takes the inputs\n"
    "  --turns N       run several models in turn, N times each; print the nanoseconds of every step, for programs\n"
    "  --expect FILE   one per output, in order: print how far each model's outputs are from these\n"
    "  --evict BYTES   write to as much other memory before each run of --turns\n"
    "  --version       print the version and the build of the library, and exit\n";

enum { DEFAULT_RUNS = 10, MAX_RUNS = 1000000, MAX_EVICT = 1 << 30 };

/* Text that may come from a model: what a terminal would obey, that is control characters, those of two bytes
   included, becomes '?'. */
static void print_text(FILE *to, const char *text) {
  unsigned char before = 0;
  for (const unsigned char *at = (const unsigned char *)text; *at; before = *at++) {
    int control = *at < 0x20 || *at == 0x7f || ((*at & 0xe0) == 0x80 && before == 0xc2);
    fputc(control ? '?' : *at, to);
  }
}

int complain(const char *about, const char *error) {
  fputs("error: ", stderr);
  print_text(stderr, about);
  fputs(": ", stderr);
  print_text(stderr, error);
  fputc('\n', stderr);
  return 2;
}

/* A whole number from low to high, or -1. */
static int number(const char *text, int low, int high) {
  char *end;
  long value = strtol(text, &end, 10);
  return *text && !*end && value >= low && value <= high ? (int)value : -1;
}

static int parse_number(const char *name, const char *value, int low, int high, int *result) {
  char error[ERROR_BYTES];
  if ((*result = number(value, low, high)) >= 0) return 0;
  snprintf(error, sizeof error, "must be a whole number from %d to %d", low, high);
  return complain(name, error);
}

/* One more file of a repeated option. */
static int parse_file(const char *name, const char *value, const char **files, int *count) {
  if (*count == MAX_FILES) return complain(name, "too many of them");
  files[(*count)++] = value;
  return 0;
}

static int parse_option(options *o, const char *name, const char *value) {
  if (!strcmp(name, "--input")) return parse_file(name, value, o->inputs, &o->input_count);
  if (!strcmp(name, "--output")) return parse_file(name, value, o->outputs, &o->output_count);
  if (!strcmp(name, "--expect")) return parse_file(name, value, o->expected, &o->expected_count);
  if (!strcmp(name, "--bench")) return parse_number(name, value, 1, MAX_RUNS, &o->bench);
  if (!strcmp(name, "--turns")) return parse_number(name, value, 0, MAX_RUNS, &o->turns);
  if (!strcmp(name, "--program")) return parse_number(name, value, 0, CLN_MAX_PROGRAMS, &o->program);
  if (!strcmp(name, "--threads")) return parse_number(name, value, 1, 1024, &o->threads);
  if (!strcmp(name, "--evict")) {
    int bytes, status = parse_number(name, value, 0, MAX_EVICT, &bytes);
    o->evict_bytes = (size_t)bytes;
    return status;
  }
  return complain(name, "unknown option; see colonnade-run --help");
}

static int parse(int count, char **arguments, options *o) {
  for (int i = 1; i < count; ++i) {
    const char *name = arguments[i];
    if (!strcmp(name, "--profile")) {
      o->profile = true;
    } else if (strncmp(name, "--", 2)) {
      if (o->model_count == MAX_MODELS) return complain(name, "too many model files");
      o->models[o->model_count++] = name;
    } else if (i + 1 == count) {
      return complain(name, "a value or another option is missing; see colonnade-run --help");
    } else {
      int status = parse_option(o, name, arguments[++i]);
      if (status) return status;
    }
  }
  if (!o->model_count) return complain("colonnade-run", "no model file; see colonnade-run --help");
  if (o->turns < 0 && o->model_count > 1) return complain(o->models[1], "one model file at a time, but for --turns");
  if (o->turns < 0 && (o->expected_count || o->evict_bytes))
    return complain(o->expected_count ? "--expect" : "--evict", "needs --turns");
  if (o->turns >= 0 && (o->bench || o->profile || o->output_count))
    return complain("--turns", "cannot be together with --bench, --profile or --output");
  return 0;
}

int read_arrays(const cln_model *model, cln_info (*info)(const cln_model *, int32_t), int count,
                const char *const *files, int file_count, void **arrays) {
  char error[ERROR_BYTES];
  if (file_count && file_count != count) {
    snprintf(error, sizeof error, "the model has %d of these, not %d", count, file_count);
    return complain(files[0], error);
  }
  for (int i = 0; i < count; ++i) {
    cln_info value = info(model, i);
    if (!(arrays[i] = cln_aligned_alloc((size_t)value.bytes))) return complain("memory", "short");
    if (file_count && npy_read(files[i], &value, arrays[i], error, sizeof error))
      return complain(files[i], error);
  }
  return 0;
}

static bool same_shapes(const cln_model *a, const cln_model *b, int count,
                        cln_info (*info)(const cln_model *, int32_t)) {
  for (int i = 0; i < count; ++i) {
    cln_info x = info(a, i), y = info(b, i);
    if (x.element != y.element || x.rank != y.rank || memcmp(x.dims, y.dims, sizeof *x.dims * (size_t)x.rank)) return false;
  }
  return true;
}

/* Whether a program takes the arrays in the files. */
static bool takes_files(const cln_model *model, const options *o) {
  bool fits = o->input_count == cln_model_inputs(model);
  for (int i = 0; fits && i < o->input_count; ++i) {
    const cln_info info = cln_model_input(model, i);
    fits = npy_fits(o->inputs[i], &info);
  }
  return fits;
}

/* The program that was asked for, or else the first that takes the inputs, or else the first. */
static int choose_program(const char *path, const options *o, loaded *l) {
  char error[ERROR_BYTES];
  const int programs = cln_model_programs(l->file);
  if (o->program >= programs) {
    snprintf(error, sizeof error, "its programs are numbered from 0 to %d", programs - 1);
    return complain(path, error);
  }
  int chosen = o->program < 0 ? 0 : o->program;
  while (o->program < 0 && chosen < programs && !takes_files(cln_model_program(l->file, chosen), o)) ++chosen;
  l->model = cln_model_program(l->file, chosen < programs ? chosen : 0);
  return 0;
}

/* A session of the model at `path`, which must have the inputs and outputs of `first`, if there is one. */
static int load(const char *path, const options *o, const cln_model *first, loaded *l) {
  char error[ERROR_BYTES];
  if (cln_model_open(path, &l->file, error, sizeof error)) return complain(path, error);
  const int status = choose_program(path, o, l);
  if (status) return status;
  int inputs = cln_model_inputs(l->model), outputs = cln_model_outputs(l->model);
  if (inputs > MAX_FILES || outputs > MAX_FILES) return complain(path, "too many inputs or outputs");
  if (first && (inputs != cln_model_inputs(first) || outputs != cln_model_outputs(first) ||
                !same_shapes(l->model, first, inputs, cln_model_input) ||
                !same_shapes(l->model, first, outputs, cln_model_output)))
    return complain(path, "its inputs and outputs are not those of the first model");
  if (cln_session_create(l->model, o->threads, &l->session, error, sizeof error)) return complain(path, error);
  return 0;
}

static int prepare(const options *o, run_state *s) {
  char error[ERROR_BYTES];
  if (!(s->models = calloc((size_t)o->model_count, sizeof *s->models))) return complain("memory", "short");
  for (int m = 0; m < o->model_count; ++m) {
    int status = load(o->models[m], o, m ? s->models[0].model : NULL, s->models + m);
    if (status) return status;
  }
  const cln_model *model = s->models[0].model;
  int inputs = cln_model_inputs(model), outputs = cln_model_outputs(model);
  if (o->output_count > outputs) {
    snprintf(error, sizeof error, "has only %d outputs", outputs);
    return complain(o->models[0], error);
  }
  int status = read_arrays(model, cln_model_input, inputs, o->inputs, o->input_count, s->inputs);
  return status ? status : read_arrays(model, cln_model_output, outputs, NULL, 0, s->outputs);
}

static void release(const options *o, run_state *s) {
  for (int m = 0; s->models && m < o->model_count; ++m) {
    cln_session_free(s->models[m].session);
    cln_model_close(s->models[m].file);
  }
  free(s->models);
  for (int i = 0; i < MAX_FILES; ++i) {
    free(s->inputs[i]);
    free(s->outputs[i]);
  }
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

static void print_profile(const cln_model *model, const double *step_ns, int runs, double *column) {
  int steps = cln_model_steps(model);
  for (int i = 0; i < steps; ++i) {
    for (int r = 0; r < runs; ++r) column[r] = step_ns[(size_t)r * (size_t)steps + (size_t)i] / 1e6;
    const char *op, *name = cln_model_step(model, i, &op);
    printf("%9.3f ms  %-12s ", median(column, runs), op);
    print_text(stdout, name);
    putchar('\n');
  }
}

static int bench(const options *o, run_state *s) {
  const cln_model *model = s->models[0].model;
  cln_session *session = s->models[0].session;
  int runs = o->bench ? o->bench : DEFAULT_RUNS, steps = cln_model_steps(model);
  double *times = calloc((size_t)runs, sizeof *times), *column = calloc((size_t)runs, sizeof *column);
  double *step_ns = calloc((size_t)runs * (size_t)steps + 1, sizeof *step_ns);
  int status = times && column && step_ns ? 0 : complain("memory", "short");
  const void *const *inputs = (const void *const *)s->inputs;
  if (!status) {
    cln_session_run(session, inputs, s->outputs);
    for (int r = 0; r < runs; ++r) {
      double start = now_ms();
      if (o->profile)
        cln_session_profile(session, inputs, s->outputs, step_ns + (size_t)r * (size_t)steps);
      else
        cln_session_run(session, inputs, s->outputs);
      times[r] = now_ms() - start;
    }
    if (o->profile) print_profile(model, step_ns, runs, column);
    double middle = median(times, runs);
    printf("median %.3f ms, minimum %.3f ms, %d runs, %d threads, %s\n", middle, times[0], runs, o->threads,
           cln_model_target(model));
  }
  free(times);
  free(column);
  free(step_ns);
  return status;
}

static int write_outputs(const options *o, const run_state *s) {
  char error[ERROR_BYTES];
  for (int i = 0; i < o->output_count; ++i) {
    cln_info info = cln_model_output(s->models[0].model, i);
    if (npy_write(o->outputs[i], &info, s->outputs[i], error, sizeof error))
      return complain(o->outputs[i], error);
  }
  return 0;
}

static int execute(const options *o, run_state *s) {
  if (o->turns >= 0) return take_turns(o, s);
  if (o->bench || o->profile) {
    int status = bench(o, s);
    if (status) return status;
  } else {
    cln_session_run(s->models[0].session, (const void *const *)s->inputs, s->outputs);
  }
  return write_outputs(o, s);
}

int main(int count, char **arguments) {
  if (count == 2 && (!strcmp(arguments[1], "--help") || !strcmp(arguments[1], "--version"))) {
    fputs(!strcmp(arguments[1], "--help") ? usage : "", stdout);
    if (!strcmp(arguments[1], "--version")) printf("colonnade-run %s (build %s)\n", cln_version(), cln_build());
    return 0;
  }
  options o = {.threads = 1, .turns = -1, .program = -1};
  run_state s = {0};
  int status = parse(count, arguments, &o);
  if (!status) status = prepare(&o, &s);
  if (!status) status = execute(&o, &s);
  release(&o, &s);
  if (fflush(stdout) && !status) status = complain("standard output", strerror(errno));
  return status;
}
