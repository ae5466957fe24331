/* Matrix products of two values, for every matrix of a batch, by the tile kernels: a panel of columns of b and the rows of a
 * tile are packed in scratch, whatever their strides. */
#include <math.h>

#include "check.h"
#include "isa.h"
#include "share.h"

/* Where a thread keeps what, in floats of its scratch. */
typedef struct {
  int64_t width; /* columns of a panel */
  int64_t panel, rows, sums, off, total;
} layout;

static layout layout_of(const cln_model *m, const cln_matmul *s) {
  layout l = {.width = (int64_t)s->vectors * m->lanes};
  l.rows = cln_whole_lines(CLN_PRODUCT(s->inner, l.width) + CLN_SLACK_FLOATS);
  l.sums = l.rows + cln_whole_lines(CLN_PRODUCT(s->inner, s->tile_rows));
  l.off = l.sums + cln_whole_lines(s->tile_rows * l.width + CLN_SLACK_FLOATS);
  l.total = l.off + cln_whole_lines(s->inner + CLN_LOOKAHEAD);
  return l;
}

static int64_t reach(const int64_t *dims, const int64_t *strides, int64_t rows, int64_t row, int64_t columns, int64_t column) {
  int64_t last = CLN_PRODUCT(rows - 1, row) + CLN_PRODUCT(columns - 1, column);
  for (int i = 0; i < CLN_MATMUL_RANK; ++i) last += CLN_PRODUCT(dims[i] - 1, strides[i]);
  return last + 1;
}

const char *CLN_ISA(cln_check_matmul)(cln_checker *c, const void *record) {
  const cln_matmul *s = record;
  const cln_model *m = c->model;
  for (int i = 0; i < CLN_MATMUL_RANK; ++i) CLN_NEED(s->dims[i] >= 1, "a product of nothing");
  CLN_TRY(cln_check_types(m, s->arithmetic, s->a_buffer, s->y_buffer));
  CLN_TRY(cln_check_kernels(m, s->arithmetic, s->tile_rows, s->vectors));
  CLN_VIEW(a, reach(s->dims, s->a_strides, s->rows, s->a_row, s->inner, s->a_column));
  CLN_VIEW(b, reach(s->dims, s->b_strides, s->inner, s->b_row, s->columns, s->b_column));
  CLN_VIEW(y, CLN_PRODUCT(cln_product(CLN_MATMUL_RANK, s->dims), s->rows, s->columns));
  const layout l = layout_of(m, s);
  CLN_NEED(CLN_PRODUCT(s->inner, l.width, sizeof(float)) < INT32_MAX, "size out of range");
  c->scratch = l.total;
  return NULL;
}

/* to[i * width + j] = x[i * row + j * column], with zeros for j from `columns` on. */
static void pack(float *restrict to, const float *x, int64_t rows, int64_t row, int64_t columns, int64_t column, int64_t width) {
  for (int64_t i = 0; i < rows; ++i, to += width) {
    const float *line = x + i * row;
    if (column == 1)
      for (int64_t j = 0; j < columns; ++j) to[j] = line[j];
    else
      for (int64_t j = 0; j < columns; ++j) to[j] = line[j * column];
    for (int64_t j = columns; j < width; ++j) to[j] = 0.0f;
  }
}

/* `n` columns of one product, from a packed panel. */
static void multiply(const cln_model *m, const cln_matmul *s, const layout *l, float *scratch, const float *a, float *y, int64_t n) {
  const cln_kernel_grid *kernels = m->isa->kernels[s->arithmetic].tiles;
  int64_t rows_at[CLN_MAX_ROWS];
  for (int32_t t = 0; t < s->tile_rows; ++t) rows_at[t] = t * l->width;
  for (int64_t row = 0; row < s->rows; row += s->tile_rows) {
    const int64_t rows = s->rows - row < s->tile_rows ? s->rows - row : s->tile_rows;
    pack(scratch + l->rows, a + row * s->a_row, s->inner, s->a_column, rows, s->a_row, rows);
    cln_strip_args args = {
        .x = scratch + l->panel,
        .off = (const int32_t *)(scratch + l->off),
        .w = scratch + l->rows,
        .n = (size_t)s->inner,
        .count = (size_t)n,
        .y = scratch + l->sums,
        .y_rows = rows_at,
        .lo = -INFINITY,
        .hi = INFINITY,
    };
    (*kernels)[rows][s->vectors](&args);
    for (int64_t t = 0; t < rows; ++t)
      memcpy(y + (row + t) * s->columns, scratch + l->sums + t * l->width, (size_t)n * sizeof *y);
  }
}

/* Panels of columns are divided among the threads. */
void CLN_ISA(cln_run_matmul)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_matmul);
  const cln_model *m = session->model;
  const layout l = layout_of(m, s);
  float *scratch = cln_scratch(session, thread);
  int32_t *off = (int32_t *)(scratch + l.off);
  for (int64_t k = 0; k < s->inner + CLN_LOOKAHEAD; ++k)
    off[k] = k < s->inner ? (int32_t)(k * l.width * (int64_t)sizeof(float)) : 0;
  const int64_t panels = (s->columns + l.width - 1) / l.width;
  int64_t begin, end;
  cln_share(session, thread, cln_product(CLN_MATMUL_RANK, s->dims) * panels, &begin, &end);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t column = unit % panels * l.width, n = s->columns - column < l.width ? s->columns - column : l.width;
    const float *a = AT(a), *b = AT(b);
    int64_t matrix = unit / panels;
    float *y = AT(y) + matrix * s->rows * s->columns + column;
    for (int k = CLN_MATMUL_RANK - 1; matrix && k >= 0; --k) {
      a += matrix % s->dims[k] * s->a_strides[k];
      b += matrix % s->dims[k] * s->b_strides[k];
      matrix /= s->dims[k];
    }
    pack(scratch + l.panel, b + column * s->b_column, s->inner, s->b_row, n, s->b_column, l.width);
    multiply(m, s, &l, scratch, a, y, n);
  }
}
