/* A formula of every element, in one pass over memory: blocks of elements go through all instructions of its code
 * (graph/map_code.py) while they are in the first-level cache. */
#include "activation.h"
#include "check.h"
#include "isa.h"
#include "map_loops.h"
#include "share.h"

enum { BLOCK = 256 }; /* elements of a register */

/* A register: where its elements are, and from one to the next: 1, or 0 if there is one for all. */
typedef struct {
  const float *at;
  int64_t step;
} reg;

typedef struct {
  const cln_map *step;
  const int32_t *code;
  const float *x[CLN_MAP_INPUTS];
  const int64_t *x_strides[CLN_MAP_INPUTS];
  float *y, *blocks; /* of all registers */
  reg regs[CLN_MAP_REGISTERS];
} work;

static const int64_t *strides_of(const cln_map *s, int input) {
  const int64_t *all[] = {s->a_strides, s->b_strides, s->c_strides, s->d_strides};
  return all[input];
}

/* Every instruction reads registers that there are, and writes one that no input and no constant has. */
static const char *check_code(const cln_model *m, const cln_map *s) {
  const int32_t own = s->inputs + s->constant_count;
  CLN_NEED(own < s->registers, "no register to write");
  CLN_TRY(cln_check_ints(m, s->code, (int64_t)s->instructions * CLN_MAP_INSTRUCTION));
  for (int32_t i = 0; i < s->instructions; ++i) {
    const int32_t *code = m->ints + s->code + (int64_t)i * CLN_MAP_INSTRUCTION;
    CLN_NEED(code[0] >= 0 && code[0] < CLN_MAP_OPERATIONS, "no such operation");
    CLN_NEED(code[1] >= own && code[1] < s->registers, "a register that cannot be written");
    for (int j = 2; j < CLN_MAP_INSTRUCTION; ++j)
      CLN_NEED(code[j] >= 0 && code[j] < s->registers && code[j] != code[1], "a register that cannot be read");
  }
  return NULL;
}

const char *CLN_ISA(cln_check_map)(cln_checker *c, const void *record) {
  const cln_map *s = record;
  const cln_model *m = c->model;
  const int64_t written = cln_reach(s->dims, s->y_strides);
  CLN_TRY(cln_check_floats(m, s->constants, s->constant_count));
  CLN_TRY(check_code(m, s));
  for (int i = 0; i < CLN_MAX_RANK; ++i) CLN_NEED(s->dims[i] >= 1, "a map of nothing");
  CLN_NEED(cln_product(CLN_MAX_RANK, s->dims) <= written, "an element is written twice");
  CLN_VIEW(a, cln_reach(s->dims, s->a_strides));
  CLN_NEED((s->b_buffer >= 0) == (s->inputs > 1) && (s->c_buffer >= 0) == (s->inputs > 2) &&
               (s->d_buffer >= 0) == (s->inputs > 3),
           "another number of inputs");
  if (s->inputs > 1) CLN_VIEW(b, cln_reach(s->dims, s->b_strides));
  if (s->inputs > 2) CLN_VIEW(c, cln_reach(s->dims, s->c_strides));
  if (s->inputs > 3) CLN_VIEW(d, cln_reach(s->dims, s->d_strides));
  CLN_VIEW(y, written);
  c->scratch = (int64_t)s->registers * BLOCK;
  return NULL;
}

/* Input `i` from its element `x` on, `stride` apart: in place, or gathered to the register's block. */
static void read_input(work *w, int i, const float *x, int64_t stride, int64_t n) {
  float *block = w->blocks + i * BLOCK;
  if (stride > 1)
    for (int64_t j = 0; j < n; ++j) block[j] = x[j * stride];
  w->regs[i] = (reg){stride > 1 ? block : x, stride != 0};
}

/* All instructions for `n` elements; the last one writes y. */
static void evaluate(work *w, float *y, int64_t n) {
  const cln_map *s = w->step;
  for (int32_t i = 0; i < s->instructions; ++i) {
    const int32_t *code = w->code + (int64_t)i * CLN_MAP_INSTRUCTION;
    const reg a = w->regs[code[2]], b = w->regs[code[3]], c = w->regs[code[4]];
    const bool last = i + 1 == s->instructions;
    const int64_t step = a.step | b.step | c.step;
    float *to = last ? y : w->blocks + code[1] * BLOCK;
    cln_map_loop(code[0], to, step || last ? n : 1, a.at, a.step, b.at, b.step, c.at, c.step);
    w->regs[code[1]] = (reg){to, step};
  }
}

/* Elements at .. at + n - 1 of a run of the last dimension; x: where those of the inputs begin. */
static void compute(work *w, const float *const *x, float *y, int64_t at, int64_t n) {
  const cln_map *s = w->step;
  const int64_t stride = s->y_strides[CLN_MAX_RANK - 1];
  for (int i = 0; i < s->inputs; ++i) {
    const int64_t dx = w->x_strides[i][CLN_MAX_RANK - 1];
    read_input(w, i, x[i] + at * dx, dx, n);
  }
  if (stride == 1) {
    evaluate(w, y + at, n);
    return;
  }
  float *block = w->blocks + (int64_t)(s->registers - 1) * BLOCK;
  evaluate(w, block, n);
  for (int64_t j = 0; j < n; ++j) y[(at + j) * stride] = block[j];
}

/* The runs of the last dimension are divided among the threads; one long run is divided itself. */
void CLN_ISA(cln_run_map)(cln_session *session, int32_t task, int thread) {
  RECORD(cln_map);
  work w = {
      .step = s,
      .code = session->model->ints + s->code,
      .x = {AT(a), s->inputs > 1 ? AT(b) : NULL, s->inputs > 2 ? AT(c) : NULL, s->inputs > 3 ? AT(d) : NULL},
      .y = AT(y),
      .blocks = cln_scratch(session, thread),
  };
  const float *constants = cln_constants(session->model, s->constants);
  for (int i = 0; i < s->inputs; ++i) w.x_strides[i] = strides_of(s, i);
  for (int i = s->inputs; i < s->registers; ++i)
    w.regs[i] = i < s->inputs + s->constant_count ? (reg){constants + i - s->inputs, 0} : (reg){w.blocks + i * BLOCK, 0};
  const int64_t inner = s->dims[CLN_MAX_RANK - 1], blocks = (inner + BLOCK - 1) / BLOCK;
  int64_t begin, end;
  cln_share(session, thread, cln_product(CLN_MAX_RANK - 1, s->dims) * blocks, &begin, &end);
  for (int64_t unit = begin; unit < end; ++unit) {
    const float *x[CLN_MAP_INPUTS];
    float *y = w.y;
    memcpy(x, w.x, sizeof x);
    int64_t run = unit / blocks;
    for (int k = CLN_MAX_RANK - 2; run && k >= 0; --k) {
      const int64_t index = run % s->dims[k];
      run /= s->dims[k];
      for (int i = 0; i < s->inputs; ++i) x[i] += index * w.x_strides[i][k];
      y += index * s->y_strides[k];
    }
    const int64_t at = unit % blocks * BLOCK;
    compute(&w, x, y, at, inner - at < BLOCK ? inner - at : BLOCK);
  }
}
