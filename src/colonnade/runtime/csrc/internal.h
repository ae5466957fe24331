/* What the runtime's files share. The library is built once per architecture; the steps (steps/) and the
 * generated kernels are compiled once per instruction set, with CLN_ISA(name) giving each its own symbols. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "colonnade.h"
#include "format.h"
#include "limits.h" /* generated: CLN_MAX_ROWS, CLN_MAX_VECTORS, CLN_MAX_LANES, CLN_LOOKAHEAD, ... */

/* Arguments of a micro-kernel (kernels/cnm.py):
 *   y[y_rows[t] + p] = clamp(sum_k w[k * T + t] * x[off[k] / 4 + p] + c[c_rows[t] + p] + r[r_rows[t] + p] + bias[t])
 * c, r, bias: NULL for none. Kernels of a fixed vector length
 * compute whole vectors; those of any length exactly `count` positions.
 * lane_masks: NULL, or for each tap CLN_LANE_MASK_BYTES with a bit for each lane: x counts as zero where that of the
 * column's tap is not set, and is not read there. */
typedef struct cln_strip_args {
  const float *x;
  const int32_t *off;
  const uint8_t *taps; /* of each column, where there are lane masks */
  const uint8_t *lane_masks;
  const float *w;
  size_t n, count;
  const float *bias;
  const float *c;
  const int64_t *c_rows;
  float *y;
  const int64_t *y_rows;
  const float *r;
  const int64_t *r_rows;
  float lo, hi;
  float *tail; /* of kernels that compute a tail too: where its sums go, one vector of T sums for each position */
} cln_strip_args;

/* Bits of 8 or 16 lanes of a lane mask. */
static inline uint32_t cln_bits(const uint8_t *mask, int32_t lanes) {
  uint16_t bits = *mask;
  if (lanes > 8) memcpy(&bits, mask, sizeof bits);
  return bits;
}

typedef void (*cln_kernel)(const cln_strip_args *);
typedef cln_kernel cln_kernel_grid[CLN_MAX_ROWS + 1][CLN_MAX_VECTORS + 1];

/* Arguments of Winograd's data transforms (kernels/winograd.py), n = m + r - 1:
 *   lines    of each of `lines` lines, `count` patches side by side: element j of patch p is x[line * x_step + m * p + j],
 *            and of its transform y[(j * m + line % m) * y_step + line / m * down + p]
 *   columns  `count` patches, `down` of them to a line: element (i, j) of patch p is
 *            x[(j * m + i % m) * x_step + i / m * down + p], and of its transform y[(i * n + j) * y_step + p]
 *   output   `count` patches: sum (i, j) of patch p is x[(i * n + j) * x_step + p], and its output (i, j), plus bias and,
 *            unless r is NULL, the same element of r, between lo and hi, is y[i * y_step + m * p + j], for i < lines and
 *            m * p + j < width. r may be y
 * Kernels of a fixed vector length compute whole vectors, but no outputs beside those. */
typedef struct {
  const float *x;
  int64_t x_step;
  float *y;
  const float *r;
  int64_t y_step, down, lines, width;
  size_t count;
  float bias, lo, hi;
} cln_transform;

typedef void (*cln_transform_kernel)(const cln_transform *);
typedef struct {
  cln_transform_kernel lines, columns, output;
} cln_winograd_transforms[CLN_MAX_WINOGRAD + 1][CLN_MAX_WINOGRAD_TAPS + 1]; /* by m and r */

/* Arguments of the data transforms of F(m, r) down the lines of an image (kernels/vertical.py), n = m + r - 1:
 *   in   line `patch` of each of n transforms, of lines[m * patch] .. lines[m * patch + n - 1], `count` floats of each, goes to
 *        y[k * y_step + patch * pitch], and `gap` zeros after it
 *   out  `lines` lines of outputs, m of every n lines of sums x[k * x_step + line / m * x_pitch], plus bias and, unless r is
 *        NULL, the same of r, between lo and hi, go to y[line * y_pitch]. r may be y
 * Kernels of a fixed vector length read whole vectors, and `in` writes them. */
typedef struct {
  const float *const *lines;
  float *y;
  int64_t y_step, pitch, patches;
  int32_t gap;
  size_t count;
} cln_vertical_in;

typedef struct {
  const float *x;
  int64_t x_step, x_pitch;
  float *y;
  const float *r;
  int64_t y_pitch, lines;
  size_t count;
  float bias, lo, hi;
} cln_vertical_out;

typedef struct {
  void (*in)(const cln_vertical_in *);
  void (*out)(const cln_vertical_out *);
} cln_vertical_transforms[CLN_MAX_WINOGRAD + 1][CLN_MAX_WINOGRAD_TAPS + 1]; /* by m and r */

/* Arguments of a window kernel (kernels/depthwise.py): element (i, j) of the window of output (r, p) is
 *   x[(r * stride + i) * pitch + (p * stride + j) % stride * odd + (p * stride + j) / stride]
 * and the output y[r * y_pitch + p]. Kernels of a fixed vector length compute at least one whole line of their vectors.
 * One with lane masks computes `lines` lines, R or more; the element is p * stride + j - pad of line r * stride + i, zero
 * unless 0 or more and below n, and nothing else is read or written. */
typedef struct {
  const float *x;
  int64_t pitch, odd;
  const float *const *lines_of_x;
  int32_t pad, n, lines;
  const float *w;
  float bias, lo, hi;
  float *y;
  int64_t y_pitch;
  size_t count; /* of p */
} cln_window;

/* Bits of the lanes whose elements first, first + 1, ... are 0 or more and below n. */
static inline uint32_t cln_within(int64_t first, int64_t n, int32_t lanes) {
  const int64_t skip = first < 0 ? (-first < lanes ? -first : lanes) : 0;
  const int64_t end = n > first ? (n - first < lanes ? n - first : lanes) : 0;
  return ((1u << end) - 1) & ~((1u << skip) - 1);
}

typedef void (*cln_window_kernel)(const cln_window *);
typedef cln_window_kernel cln_window_grid[CLN_MAX_WINDOW + 1][CLN_MAX_WINDOW_STRIDE + 1][CLN_MAX_WINDOW_LINES + 1]
                                         [CLN_MAX_WINDOW_VECTORS + 1];

/* Micro-kernels that compute a tail too (kernels/fused.py), by T, V and positions of the tail. Its sums go to
 * a->tail[p * lanes + t], without anything that comes after the products. */
typedef cln_kernel cln_fused_grid[CLN_MAX_FUSED_ROWS + 1][CLN_MAX_FUSED_VECTORS + 1][CLN_MAX_TAIL + 1];

/* Arguments of a kernel by channels (kernels/channels.py): position p is the q-th of line l,
 *   y[places[t] / 4 + l * y_line + q] =
 *       clamp(sum_k w[k * count + t] * x[off[k] / 4 + l * x_line + q * stride] + c[p * step + t] + r[as y] + bias[t])
 * or, with `sums`, sums[p * step + t] = the first two terms. c, r, sums: NULL for none. Kernels of a fixed vector length
 * read whole vectors of w, bias and c, and write those of sums, but only `count` outputs. lo: zero or more, or there are no
 * bounds. */
typedef struct {
  const float *x;
  const int32_t *off;
  const float *w;
  size_t n, count;
  int64_t x_line, y_line, step;
  const float *bias;
  const float *c;
  float *sums;
  float *y;
  const float *r;
  const uint32_t *places;
  float lo, hi;
} cln_channel_args;

typedef void (*cln_channel_kernel)(const cln_channel_args *);
typedef cln_channel_kernel cln_channel_grid[CLN_MAX_CHANNEL_LINES + 1][CLN_MAX_CHANNEL_WIDTH + 1][CLN_MAX_CHANNEL_STRIDE + 1];

/* What a step's check is given, and what it tells. */
typedef struct cln_task cln_task;
typedef struct {
  const cln_model *model;
  cln_task *task; /* of the step, in the running order; those before have been checked */
  int64_t scratch;        /* floats of a thread's scratch that the step needs: 0 unless the check says more */
} cln_checker;

/* One kind of step. check: NULL, or the reason for which the file is refused; every field of the record is in its range.
 * run: is called by every thread of the session, and divides the work itself. */
typedef const char *cln_step_check(cln_checker *c, const void *record);
typedef void cln_step_run(cln_session *session, int32_t task, int thread);
typedef struct {
  cln_step_check *check;
  cln_step_run *run;
} cln_step_kind;

/* kernels/peak.py: y[t][p] = c[t][p] + n * w[0] * x[p] for `rows` rows, in registers alone. `floats`: positions of a
 * call that computes `count` or more. */
typedef struct {
  cln_kernel kernel;
  int32_t rows, floats;
} cln_peak;

/* The kernels of one instruction set and one arithmetic. Where there is none, a table has NULL. */
typedef struct {
  const cln_kernel_grid *tiles;
  const cln_fused_grid *fused;
  const cln_channel_grid *channels;
  const cln_winograd_transforms *transforms;
  const cln_vertical_transforms *verticals;
  const cln_window_grid *windows;
} cln_kernels;

typedef struct {
  const char *target;
  int32_t vector_bytes; /* 0: of any length */
  bool (*supported)(void);
  const cln_kernels *kernels; /* by arithmetic */
  bool masks_lanes; /* window kernels and micro-kernels take lane masks */
  const cln_step_kind *steps; /* by opcode */
  const cln_peak *peak;
  uint64_t (*read)(const uint64_t *words, size_t count);
} cln_isa;

extern const cln_isa *const cln_isas[]; /* generated; NULL-terminated, best last; the first runs on every CPU */
/* Those of other architectures, the same way: their tables say which kernels there are, but nothing in them may be called,
 * and there are no steps. */
extern const cln_isa *const cln_isas_elsewhere[];

/* A tile of a convolution: positions first .. first + rows of the row order, and where its columns and weights are. */
typedef struct {
  int32_t rows, first;
  const int32_t *off;
  const int32_t *blocks; /* column counts at the KC block borders: 0 .. n */
  const cln_kernel *kernels; /* of as many rows, by vectors */
  const float *weights;
} cln_tile;

/* What is derived from a convolution step when the model is opened. */
typedef struct {
  const cln_strip *strips; /* of the file */
  const cln_segment *segments;
  cln_tile *tiles;
  int64_t *row_at;      /* float offset of the output plane of each position in row order */
  uint32_t *places;     /* with kernels by channels: the same in bytes */
  int32_t panel;            /* strips per panel, at most all */
  int64_t row_floats;       /* of a strip's row of sums, or of its edges: whole lines */
  int64_t strip_floats;     /* of a strip's sums, with kernels by channels */
  int64_t reach;            /* past the last float that strips load or pack, from a column's first */
  const uint8_t *taps;       /* with `lane_masked`, of the file: of each entry of the offset table */
  const uint8_t *lane_masks; /* the same: blocks of [tap][CLN_LANE_MASK_BYTES] */
  int64_t sums_at, edge_at; /* in a thread's scratch, after the packed panel: KC sums, edges of strips */
  int64_t scratch_floats;
} cln_cnm_plan;

/* One run of a step, for one image if the step is repeated. */
struct cln_task {
  const void *record;
  const char *name;
  cln_cnm_plan *cnm; /* of a cnm step, filled by its check */
  int32_t op;
  int32_t step;  /* its number in the file */
  int32_t image; /* which repeat this is; 0 if the step is not repeated */
};

/* One program of a file. The first one owns the file's bytes, and the others. */
struct cln_model {
  const uint8_t *data;
  size_t bytes;
  bool mapped;
  cln_model *others;     /* of the first program: those after it */
  int32_t program_count; /* of the first program: with the others; else 1 */
  const cln_header *header;
  const cln_program *program;
  const cln_isa *isa;
  int32_t lanes; /* floats of a vector that the data is laid out for */
  const cln_buffer *buffers;
  const char *strings; /* zero-terminated names */
  const int32_t *ints;
  const uint8_t *constants; /* of all element types */
  int32_t buffer_count, value_count, step_count, task_count, cnm_count, input_count, output_count, string_count;
  int64_t int_count, data_bytes;
  cln_task *tasks; /* task_count of them: repeated steps once for each repeat */
  cln_cnm_plan *cnm_plans;
  cln_info *inputs, *outputs;
  int32_t *input_buffers, *output_buffers;
  int64_t scratch_bytes; /* per thread, the most any step asks for */
};

typedef struct cln_team cln_team;

/* One claim counter per cache line: threads add to different ones at the same time. */
typedef struct {
  _Alignas(64) atomic_llong next;
} cln_counter;

#define CLN_ROUNDS 2           /* of claims in a task: to prepare, and to compute */
#define CLN_ITEMS_PER_THREAD 8 /* that balance the threads */

struct cln_session {
  const cln_model *model;
  /* Of the first program of a file: sessions of the others, which use its arena, scratch and team; and, if threads share
   * out the images of any program, one for each thread, with an arena of its own. */
  cln_session **others, **hosts;
  cln_session **alone; /* by thread, each of one thread, of `hosts`: they share out the images of a batch; NULL: all do
                          each step */
  void *memory; /* that arena and scratch lie in, if they are its own */
  uint8_t *arena, *scratch;
  uint8_t **base; /* [image][buffer] */
  cln_team *team;
  int threads;
  cln_counter *counters; /* [task][round][thread] */
  atomic_llong *ends;    /* if `timed`: when each task's last thread was done, in nanoseconds of the clock; of a task
                            that is run alone how long it took, and last of all when all those were done */
  bool timed;
};

/* Error text: format into error and return -1. */
int cln_fail(char *error, size_t error_size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* validate.c: check every buffer, value and step; derive the convolution plans and the size of the scratch. */
int cln_model_validate(cln_model *model, char *error, size_t error_size);
/* sum: of tasks and buffers in all repeats, of the programs so far. */
const char *cln_check_repeats(const cln_model *model, int64_t *sum);

/* The kernel that computes a strip and its tail in one pass; NULL: none does. */
static inline cln_kernel cln_fused_kernel(const cln_kernels *kernels, int32_t rows, int32_t vectors, int32_t tail) {
  return rows <= CLN_MAX_FUSED_ROWS && vectors <= CLN_MAX_FUSED_VECTORS ? (*kernels->fused)[rows][vectors][tail] : NULL;
}

/* Whether x is padded and split first. */
static inline bool cln_is_prepared(const cln_cnm *step) { return step->prepared_buffer >= 0; }

/* From output to output in the data that strips are cut from: more than one where they are gathered, or read by
 * kernels, with the stride, from x as it is. */
static inline int32_t cln_x_step(const cln_cnm *step) {
  return (step->packed || step->by_channels) && !cln_is_prepared(step) ? step->stride_w : 1;
}

/* The kernel by channels for lines of `width` positions; NULL: there is none. */
static inline cln_channel_kernel cln_channel_kernel_of(const cln_kernels *kernels, const cln_cnm *step, int32_t lines,
                                                       int32_t width) {
  const int32_t stride = cln_x_step(step);
  const bool inside = lines <= CLN_MAX_CHANNEL_LINES && width <= CLN_MAX_CHANNEL_WIDTH && stride <= CLN_MAX_CHANNEL_STRIDE;
  return inside ? (*kernels->channels)[lines][width][stride] : NULL;
}

/* strips.c: check the strips of the file, and their lane masks: `readable` floats may be read. NULL, or why the file is
 * refused. */
const char *cln_check_strips(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan);
const char *cln_check_lane_masks(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan, int64_t readable);

/* Lay out tiles and scratch. 0, or -1 when memory is short. Everything of `step` must have been checked. */
int cln_cnm_plan_build(const cln_model *model, const cln_cnm *step, cln_cnm_plan *plan);
void cln_cnm_plan_free(cln_cnm_plan *plan);

/* threads.c */
cln_team *cln_team_create(int threads);
void cln_team_free(cln_team *team);
/* How many threads the team has in this process. In a child of fork() the first call starts new ones; if there can be none,
 * the team is the caller alone from then on. */
int cln_team_threads(cln_team *team);
void cln_team_run(cln_team *team, void (*function)(void *, int), void *argument);
void cln_team_barrier(cln_team *team);

/* The product of sizes, or CLN_ENDLESS where one is negative or the product passes 2^40: sums of a few of those do not
 * overflow, and nothing in a file is as large. */
#define CLN_ENDLESS (INT64_C(1) << 41)
static inline int64_t cln_product(int count, const int64_t *sizes) {
  int64_t product = 1;
  for (int i = 0; i < count; ++i)
    if (sizes[i] < 0 || __builtin_mul_overflow(product, sizes[i], &product) || product > INT64_C(1) << 40)
      return CLN_ENDLESS;
  return product;
}
#define CLN_PRODUCT(...) cln_product(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})

void *cln_aligned_alloc(size_t bytes); /* at a cache line, zeroed; free with free() */

/* Floats of as many whole cache lines as hold `floats`. */
static inline int64_t cln_whole_lines(int64_t floats) {
  const int64_t line = CLN_ALIGNMENT / sizeof(float);
  return (floats + line - 1) / line * line;
}

/* Whether CLN_SLACK bytes that mean nothing may be read after a buffer's last one. */
static inline bool cln_has_slack(const cln_model *model, int32_t buffer) {
  return model->buffers[buffer].kind == CLN_BUFFER_ARENA || model->buffers[buffer].kind == CLN_BUFFER_CONSTANT;
}

/* The longest vector, and CLN_SLACK, in floats. */
enum { CLN_MAX_LANES = CLN_MAX_VECTOR_BYTES / sizeof(float), CLN_SLACK_FLOATS = CLN_SLACK / sizeof(float) };

static inline int64_t cln_element_bytes(int32_t element) {
  static const int32_t bytes[CLN_ELEMENT_COUNT] = CLN_ELEMENT_BYTES;
  return bytes[element];
}

/* Constants that begin at byte `at`. */
static inline const void *cln_constants(const cln_model *model, int64_t at) { return model->constants + at; }

/* A thread's scratch. */
static inline void *cln_scratch(const cln_session *session, int thread) {
  return session->scratch + thread * session->model->scratch_bytes;
}

/* Where a task's view begins. */
static inline void *cln_at(const cln_session *session, int32_t task, int32_t buffer, int64_t at) {
  const cln_model *model = session->model;
  return session->base[(int64_t)model->tasks[task].image * model->buffer_count + buffer] + at;
}

/* The next unclaimed of a step's `count` items in a round of claims, or -1. Each thread has a run of items, much the same from
 * step to step, so that what it wrote is in its own caches; one that is done helps the next. */
static inline int64_t cln_claim(cln_session *session, int32_t task, int round, int thread, int64_t count) {
  const int threads = session->threads;
  cln_counter *counters = session->counters + ((int64_t)task * CLN_ROUNDS + round) * threads;
  for (int i = 0; i < threads; ++i) {
    int owner = (thread + i) % threads;
    int64_t first = owner * count / threads, end = (owner + 1) * count / threads;
    int64_t item = first + atomic_fetch_add_explicit(&counters[owner].next, 1, memory_order_relaxed);
    if (item < end) return item;
  }
  return -1;
}

/* Shares to divide each of `panels` into, of at most `most`, for items enough to balance the threads. */
static inline int64_t cln_shares(const cln_session *session, int64_t panels, int64_t most) {
  if (session->threads == 1) return 1;
  int64_t shares = (CLN_ITEMS_PER_THREAD * session->threads + panels - 1) / panels;
  return shares < most ? shares : most;
}

static inline void cln_barrier(cln_session *session) {
  if (session->threads > 1) cln_team_barrier(session->team);
}
