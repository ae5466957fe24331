/* What the checks of a model file share. A check returns NULL, or the reason for which the file is refused, and nothing
 * else says whether it is. Every field of a record has been found in its range by generated code (ranges.c) when the check
 * of its step is called (steps/, one file for each kind): what is left are relations between fields.
 *
 * Products of sizes go through CLN_PRODUCT. One that is too large becomes CLN_ENDLESS, which no buffer, table or scratch
 * can hold: whatever is checked against one of those is refused then. */
#pragma once
#include "internal.h"

/* Of output positions of one step. */
enum { CLN_MAX_POSITIONS = 1 << 28 };

/* Leaves a check with the reason, unless something holds; with that of another check, if it has one. */
#define CLN_NEED(holds, reason)     \
  do {                              \
    if (!(holds)) return (reason);  \
  } while (0)
#define CLN_TRY(check)                  \
  do {                                  \
    const char *reason_ = (check);      \
    if (reason_) return reason_;        \
  } while (0)

/* ranges.c, generated: whether each field of a record is in its range. */
typedef const char *(*cln_range)(const cln_model *model, const void *record);
extern const cln_range cln_step_ranges[];
const char *cln_range_header(const cln_model *model, const void *record);
const char *cln_range_program(const cln_model *model, const void *record);
const char *cln_range_buffer(const cln_model *model, const void *record);
const char *cln_range_value(const cln_model *model, const void *record);
const char *cln_range_order(const cln_model *model, const void *record);
const char *cln_range_strip(const cln_model *model, const void *record);
const char *cln_range_segment(const cln_model *model, const void *record);

static inline bool cln_is_writable(const cln_model *m, int32_t buffer) {
  return m->buffers[buffer].kind == CLN_BUFFER_ARENA || m->buffers[buffer].kind == CLN_BUFFER_OUTPUT;
}

/* `count` elements from `at` on lie among `limit` ones. */
static inline bool cln_lies_within(int64_t at, int64_t count, int64_t limit) {
  return at >= 0 && count >= 0 && count <= limit && at <= limit - count;
}

static inline const char *cln_check_floats(const cln_model *m, int64_t at, int64_t count) {
  return cln_lies_within(at, CLN_PRODUCT(count, sizeof(float)), m->data_bytes) ? NULL : "constants outside the file";
}

static inline const char *cln_check_ints(const cln_model *m, int64_t at, int64_t count) {
  return cln_lies_within(at, count, m->int_count) ? NULL : "table outside the file";
}

/* The lowest and highest of `count` ints, and all bits that any of them has. */
typedef struct {
  int32_t low, high, bits;
} cln_bounds;

static inline cln_bounds cln_bounds_of(const int32_t *table, int64_t count) {
  int32_t low = 0, high = 0, bits = 0;
  for (int64_t i = 0; i < count; ++i) {
    low = table[i] < low ? table[i] : low;
    high = table[i] > high ? table[i] : high;
    bits |= table[i];
  }
  return (cln_bounds){low, high, bits};
}

/* All of ints[at .. at + count - 1] lie in 0 .. limit - 1. */
static inline const char *cln_check_entries(const cln_model *m, int64_t at, int64_t count, int64_t limit, const char *reason) {
  CLN_TRY(cln_check_ints(m, at, count));
  const cln_bounds found = cln_bounds_of(m->ints + at, count);
  return !count || (found.low >= 0 && found.high < limit) ? NULL : reason;
}

/* All of ints[at .. at + count - 1] are byte offsets of floats 0 .. limit - 1. */
static inline const char *cln_check_offsets(const cln_model *m, int64_t at, int64_t count, int64_t limit, const char *reason) {
  const int64_t size = sizeof(float);
  CLN_TRY(cln_check_ints(m, at, count));
  const cln_bounds found = cln_bounds_of(m->ints + at, count);
  return !count || (found.low >= 0 && !(found.bits & (size - 1)) && found.high / size < limit) ? NULL : reason;
}

/* `count` elements of a view, `before` of them before its first one. */
static inline const char *cln_check_view(const cln_model *m, int32_t buffer, int64_t at, int64_t before, int64_t count,
                                         const char *reason) {
  const int64_t size = cln_element_bytes(m->buffers[buffer].element);
  return cln_lies_within(at - before * size, count * size, m->buffers[buffer].bytes) ? NULL : reason;
}

/* In a check of `s` in `m`: the view `name` holds so many elements, the first one being number `before`. */
#define CLN_VIEW_FROM(name, before, count) \
  CLN_TRY(cln_check_view(m, s->name##_buffer, s->name##_at, (before), (count), #name ": data outside its buffer"))
#define CLN_VIEW(name, count) CLN_VIEW_FROM(name, 0, count)

/* Outputs and, if there is one, the residual: `count` with the border before the first output. */
#define CLN_VIEWS_OF_OUTPUTS(count)                               \
  do {                                                            \
    CLN_VIEW_FROM(y, s->y_border, count);                         \
    if (s->r_buffer < 0) break;                                   \
    CLN_NEED(m->buffers[s->r_buffer].element == m->buffers[s->y_buffer].element, "r: of another element type than y"); \
    CLN_VIEW_FROM(r, s->y_border, count);                         \
  } while (0)

/* Elements that may be read from where a view begins: the rest of its buffer, and the slack after that, where there is some.
 * What a caller gave ends where it ends. This holds for every repeat of a step (check_buffer in validate.c). */
static inline int64_t cln_readable(const cln_model *m, int32_t buffer, int64_t at) {
  const cln_buffer *b = m->buffers + buffer;
  return (b->bytes - at + (cln_has_slack(m, buffer) ? CLN_SLACK : 0)) / cln_element_bytes(b->element);
}

/* Elements from the first to the last one that strides reach below dims. */
static inline int64_t cln_reach(const int64_t *dims, const int64_t *strides) {
  int64_t last = 0;
  for (int i = 0; i < CLN_MAX_RANK; ++i) last += CLN_PRODUCT(dims[i] - 1, strides[i]);
  return last + 1;
}

/* Elements from the first one of the first plane to the last of the last. */
static inline int64_t cln_planes_span(int64_t planes, int32_t height, int32_t width, int32_t pitch, int32_t plane) {
  return CLN_PRODUCT(planes - 1, plane) + CLN_PRODUCT(height - 1, pitch) + width;
}

/* Outputs and the border before them fit their plane. */
static inline const char *cln_check_output_plane(int32_t height, int32_t width, int32_t pitch, int32_t plane, int32_t border) {
  CLN_NEED(width <= pitch && CLN_PRODUCT(height - 1, pitch) + width <= plane - border, "outputs larger than their plane");
  return NULL;
}

/* Input and output are of the types that the step's arithmetic takes and makes. */
static inline const char *cln_check_types(const cln_model *m, int32_t arithmetic, int32_t x, int32_t y) {
  static const int32_t types[CLN_ARITHMETIC_COUNT][2] = CLN_ARITHMETIC_TYPES;
  CLN_NEED(m->buffers[x].element == types[arithmetic][0], "x: of another element type than its micro-kernels take");
  CLN_NEED(m->buffers[y].element == types[arithmetic][1], "y: of another element type than its micro-kernels make");
  return NULL;
}

/* The micro-kernel asked for, and where there is one of fewer vectors, those of all fewer rows too. */
static inline const char *cln_check_kernels(const cln_model *m, int32_t arithmetic, int32_t rows, int32_t vectors) {
  const cln_kernel_grid *grid = m->isa->kernels[arithmetic].tiles;
  CLN_NEED((*grid)[rows][vectors], "no such micro-kernel");
  for (int32_t t = 1; t <= rows; ++t)
    for (int32_t v = 1; v <= vectors; ++v) CLN_NEED((*grid)[t][v] || !(*grid)[rows][v], "no such micro-kernel");
  return NULL;
}
