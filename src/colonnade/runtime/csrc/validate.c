/* What is checked of a model file whatever its steps: header, buffers, values, and that every step is checked. Afterwards
 * no step can read or write outside its buffers and their slack, whatever the file says. What is computed may still be
 * nonsense; that is the file's affair. */
#include "check.h"

enum { MAX_REPEATED = 1 << 22 };

const char *cln_check_repeats(const cln_model *m, int64_t *sum) {
  const int64_t repeats = m->program->repeats, repeated = m->program->repeat_steps;
  CLN_NEED(repeated <= m->step_count, "more steps are repeated than there are");
  CLN_NEED(repeats == 1 || repeated > 0, "no steps are repeated");
  *sum += repeats > 1 ? repeats * (repeated + m->buffer_count) : 0;
  CLN_NEED(*sum <= MAX_REPEATED, "steps are repeated too often");
  return NULL;
}

/* In every repeat a buffer lies where it may, in the arena with its slack. Constants end in slack of the file's own. */
static const char *check_buffer(const cln_model *m, const cln_buffer *b) {
  CLN_TRY(cln_range_buffer(m, b));
  const int64_t bytes = b->bytes + (m->program->repeats - 1) * b->advance; /* of all repeats */
  CLN_NEED(b->advance % cln_element_bytes(b->element) == 0, "between two elements");
  if (b->kind == CLN_BUFFER_ARENA) {
    CLN_NEED(b->offset % CLN_ALIGNMENT == 0, "not at a cache line");
    CLN_NEED(cln_lies_within(b->offset, bytes + CLN_SLACK, m->program->arena_bytes), "outside the arena");
  } else if (b->kind == CLN_BUFFER_CONSTANT) {
    CLN_NEED(b->offset % CLN_ALIGNMENT == 0, "not at a cache line");
    CLN_NEED(cln_lies_within(b->offset, bytes, m->data_bytes), "constants outside the file");
  } else {
    const bool input = b->kind == CLN_BUFFER_INPUT;
    CLN_NEED(b->offset < (input ? m->input_count : m->output_count), "unknown input or output");
    const cln_info *info = (input ? m->inputs : m->outputs) + b->offset;
    CLN_NEED(bytes == info->bytes && b->element == (int32_t)info->element, "not as its input or output is");
  }
  return NULL;
}

/* Values are given by the caller and results read by it: each must be the buffer made for it. */
static const char *check_value(const cln_model *m, int32_t buffer, int32_t kind, int32_t index) {
  const cln_buffer *b = m->buffers + buffer;
  return b->kind == kind && b->offset == index ? NULL : "an input or output without a buffer of its own";
}

static const char *check_values(const cln_model *m) {
  for (int32_t i = 0; i < m->input_count; ++i) CLN_TRY(check_value(m, m->input_buffers[i], CLN_BUFFER_INPUT, i));
  for (int32_t i = 0; i < m->output_count; ++i) CLN_TRY(check_value(m, m->output_buffers[i], CLN_BUFFER_OUTPUT, i));
  return NULL;
}

/* One step; `model` learns how much scratch it needs. */
static const char *check_step(cln_model *model, cln_task *task) {
  cln_checker checker = {.model = model, .task = task};
  CLN_TRY(cln_step_ranges[task->op](model, task->record));
  CLN_TRY(model->isa->steps[task->op].check(&checker, task->record));
  CLN_NEED(checker.scratch <= CLN_MAX_COUNT, "size out of range");
  /* Whole cache lines, so that the next thread's scratch begins at one. */
  const int64_t bytes = cln_whole_lines(checker.scratch) * (int64_t)sizeof(float);
  if (bytes > model->scratch_bytes) model->scratch_bytes = bytes;
  return NULL;
}

int cln_model_validate(cln_model *model, char *error, size_t error_size) {
  const char *reason = NULL;
  for (int32_t i = 0; i < model->buffer_count; ++i)
    if ((reason = check_buffer(model, model->buffers + i))) return cln_fail(error, error_size, "buffer %d: %s", i, reason);
  if ((reason = check_values(model))) return cln_fail(error, error_size, "%s", reason);
  for (int32_t i = 0; i < model->step_count; ++i) {
    cln_task *task = model->tasks + i;
    if ((reason = check_step(model, task)))
      return cln_fail(error, error_size, "step %d '%s': %s", i, task->name, reason);
  }
  return 0;
}
