/* The fully connected step. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "lines.h"

/* Where a step keeps what in a thread's scratch: a chunk of x, then the outputs of a strip. */
typedef struct {
  int64_t width, strips; /* NR, and how many strips cover the outputs */
  int64_t edge_at, scratch_floats;
} layout;

static layout layout_of(const cln_dense *s, const cln_model *m) {
  layout l = {.width = (int64_t)s->vectors * m->lanes};
  l.strips = (s->outputs + l.width - 1) / l.width;
  l.edge_at = (int64_t)s->columns * s->chunk;
  l.scratch_floats = l.edge_at + s->chunk * l.width + CLN_SLACK_FLOATS;
  return l;
}

const char *CLN_ISA(cln_check_dense)(cln_checker *c, const void *record) {
  const cln_dense *s = record;
  const cln_model *m = c->model;
  CLN_TRY(cln_check_types(m, s->arithmetic, s->x_buffer, s->y_buffer));
  CLN_TRY(cln_check_kernels(m, s->arithmetic, s->chunk, s->vectors));
  const layout l = layout_of(s, m);
  CLN_TRY(cln_check_floats(m, s->weights, CLN_PRODUCT(l.strips, s->columns, l.width)));
  CLN_TRY(cln_check_floats(m, s->bias, l.strips * l.width));
  CLN_TRY(cln_check_ints(m, s->off_table, (int64_t)s->columns + CLN_LOOKAHEAD));
  CLN_TRY(cln_check_offsets(m, s->off_table, s->columns, (s->columns - 1) * l.width + 1, "column outside the weights"));
  CLN_VIEW(x, CLN_PRODUCT(s->columns, s->batch));
  CLN_VIEW(y, CLN_PRODUCT(s->batch, s->outputs));
  c->scratch = l.scratch_floats;
  return NULL;
}

/* The micro-kernel with its operands' roles swapped. Strips of outputs are its vectors, images of the batch its T; x is
 * [columns][batch], so a column's T scalars are contiguous. */
void CLN_ISA(cln_run_dense)(cln_session *session, int32_t task, int thread) {
  const cln_model *model = session->model;
  const cln_dense *s = model->tasks[task].record;
  const layout l = layout_of(s, model);
  const int64_t width = l.width, strips = l.strips;
  const float *x = cln_at(session, task, s->x_buffer, s->x_at);
  float *y = cln_at(session, task, s->y_buffer, s->y_at), *rows = cln_scratch(session, thread);
  float *edge = rows + l.edge_at;
  int64_t zero_rows[CLN_MAX_ROWS] = {0}, edge_rows[CLN_MAX_ROWS];
  cln_act act = CLN_ACT_OF(s);
  for (int32_t t = 0; t < s->chunk; ++t) edge_rows[t] = t * width;
  int64_t item, chunks = (s->batch + s->chunk - 1) / s->chunk;
  while ((item = cln_claim(session, task, 0, thread, strips * chunks)) >= 0) {
    int64_t strip = item / chunks, first = item % chunks * s->chunk;
    int32_t count = (int32_t)(s->batch - first < s->chunk ? s->batch - first : s->chunk);
    const float *scalars = x;
    if (count != s->batch) {
      for (int32_t k = 0; k < s->columns; ++k)
        copy_floats(rows + (int64_t)k * count, x + (int64_t)k * s->batch + first, count);
      scalars = rows;
    }
    cln_strip_args a = {
        .x = (const float *)cln_constants(model, s->weights) + strip * s->columns * width,
        .off = model->ints + s->off_table,
        .w = scalars,
        .n = (size_t)s->columns,
        .count = (size_t)width,
        .c = (const float *)cln_constants(model, s->bias) + strip * width,
        .c_rows = zero_rows,
        .y = edge,
        .y_rows = edge_rows,
        .lo = -INFINITY,
        .hi = INFINITY,
    };
    (*model->isa->kernels[s->arithmetic].tiles)[count][s->vectors](&a);
    int64_t left = s->outputs - strip * width, len = left < width ? left : width;
    for (int32_t t = 0; t < count; ++t) {
      float *row = y + (first + t) * s->outputs + strip * width;
      memcpy(row, edge + t * width, (size_t)len * sizeof *row);
      cln_activate(row, len, act);
    }
  }
}
