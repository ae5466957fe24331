/* The fully connected step. */
#include "activation.h"
#include "internal.h"
#include "isa.h"
#include "rows.h"

/* The micro-kernel with its operands' roles swapped. Strips of outputs are its vectors,
 * rows of the batch its T; x is [columns][batch], so a column's T scalars are contiguous. */
void CLN_ISA(cln_run_dense)(cln_session *session, int32_t order, int thread) {
  const cln_model *model = session->model;
  const cln_dense *s = model->order[order].record;
  int64_t width = (int64_t)s->vectors * model->lanes, strips = (s->outputs + width - 1) / width;
  const float *x = cln_at(session, order, s->x_buffer, s->x_at);
  float *y = cln_at(session, order, s->y_buffer, s->y_at), *rows = session->scratch + thread * model->scratch_floats;
  float *edge = rows + (int64_t)s->columns * s->chunk;
  int64_t zero_rows[CLN_MAX_ROWS] = {0}, edge_rows[CLN_MAX_ROWS];
  cln_act act = CLN_ACT_OF(s);
  for (int32_t t = 0; t < s->chunk; ++t) edge_rows[t] = t * width;
  int64_t item, chunks = (s->batch + s->chunk - 1) / s->chunk;
  while ((item = cln_claim(session, order, 0, thread, strips * chunks)) >= 0) {
    int64_t strip = item / chunks, first = item % chunks * s->chunk;
    int32_t count = (int32_t)(s->batch - first < s->chunk ? s->batch - first : s->chunk);
    const float *scalars = x;
    if (count != s->batch) {
      for (int32_t k = 0; k < s->columns; ++k)
        copy_floats(rows + (int64_t)k * count, x + (int64_t)k * s->batch + first, count);
      scalars = rows;
    }
    cln_tile a = {
        .x = model->floats + s->weights + strip * s->columns * width,
        .off = model->ints + s->off_table,
        .w = scalars,
        .n = (size_t)s->columns,
        .count = (size_t)width,
        .c = model->floats + s->bias + strip * width,
        .c_rows = zero_rows,
        .y = edge,
        .y_rows = edge_rows,
        .lo = -INFINITY,
        .hi = INFINITY,
    };
    (*model->isa->kernels)[count][s->vectors](&a);
    int64_t left = s->outputs - strip * width, len = left < width ? left : width;
    for (int32_t t = 0; t < count; ++t)
      cln_activate(y + (first + t) * s->outputs + strip * width, edge + t * width, len, act);
  }
}
