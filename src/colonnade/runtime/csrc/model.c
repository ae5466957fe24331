/* Opening a model file: map it, check header, checksum and sections, then hand every record to validate.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build.h" /* generated: CLN_VERSION, CLN_BUILD */
#include "check.h"

int cln_fail(char *error, size_t error_size, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (error && error_size) vsnprintf(error, error_size, format, arguments);
  va_end(arguments);
  return -1;
}

void *cln_aligned_alloc(size_t bytes) {
  void *memory = NULL;
  if (posix_memalign(&memory, CLN_ALIGNMENT, bytes ? bytes : 1)) return NULL;
  memset(memory, 0, bytes);
  return memory;
}

static const size_t element_bytes[CLN_SECTION_COUNT] = CLN_SECTION_ELEMENT_BYTES;

static const char *check_header(const cln_model *model) {
  const cln_header *header = model->header;
  if (model->bytes >= sizeof header->magic && !memcmp(model->data, CLN_STAGED_MAGIC, sizeof header->magic))
    return "ONNX Runtime runs a part of it, so only colonnade.Session runs it, in Python";
  if (model->bytes < sizeof *header || memcmp(header->magic, CLN_MAGIC, sizeof header->magic))
    return "not a Colonnade model file";
  if (header->version != CLN_FORMAT_VERSION) return "made by another version of Colonnade; compile it again";
  if (header->file_bytes != model->bytes) return "the file is cut off or has grown";
  size_t after = offsetof(cln_header, checksum) + sizeof header->checksum;
  if (cln_checksum(model->data + after, model->bytes - after) != header->checksum)
    return "the file is damaged (its checksum does not match)";
  for (int i = 0; i < CLN_SECTION_COUNT; ++i) {
    uint64_t at = header->section_at[i], count = header->section_count[i], size = element_bytes[i];
    if (at % CLN_ALIGNMENT || at > model->bytes || count > (model->bytes - at) / size ||
        count > (i == CLN_SECTION_DATA ? (uint64_t)CLN_MAX_COUNT : INT32_MAX))
      return "a section lies outside the file";
  }
  uint64_t strings = header->section_count[CLN_SECTION_STRINGS];
  if (!strings || model->data[header->section_at[CLN_SECTION_STRINGS] + strings - 1]) return "names are damaged";
  if (header->section_count[CLN_SECTION_DATA] < CLN_SLACK) return "constants end without slack";
  return cln_range_header(model, header);
}

static const void *section(const cln_model *model, int index, int32_t *count) {
  if (count) *count = (int32_t)model->header->section_count[index];
  return model->data + model->header->section_at[index];
}

static const cln_isa *isa_named(const cln_isa *const *isas, const char *name) {
  while (*isas && strcmp((*isas)->target, name)) ++isas;
  return *isas;
}

/* The row for the file's target, of which this CPU can run the checks alone: those of all instruction sets are the same. */
static const cln_isa *isa_to_check(const char *target, cln_isa *row) {
  const cln_isa *isa = isa_named(cln_isas, target);
  if (!isa && !(isa = isa_named(cln_isas_elsewhere, target))) return NULL;
  *row = *isa;
  row->steps = cln_isas[0]->steps;
  return row;
}

/* row: NULL for a model that is to run; else where a row to check it with may be written. */
static int find_isa(cln_model *model, cln_isa *row, char *error, size_t error_size) {
  const char *target = model->header->target;
  const cln_isa *isa = row ? isa_to_check(target, row) : isa_named(cln_isas, target);
  if (isa && !row && !isa->supported())
    return cln_fail(error, error_size, "compiled for %s, which this CPU does not have; compile it for this CPU", target);
  const int32_t bytes = model->header->vector_bytes;
  if (!isa || (isa->vector_bytes ? bytes != isa->vector_bytes : bytes % (int32_t)sizeof(float)))
    return cln_fail(error, error_size, "compiled for target '%.31s', for which this library has no kernels", target);
  model->isa = isa;
  model->lanes = bytes / (int32_t)sizeof(float);
  return 0;
}

/* The next input or output. */
static const char *read_value(cln_model *model, const cln_value *v) {
  const int32_t images = model->program->images;
  CLN_TRY(cln_range_value(model, v));
  CLN_NEED(!images || (v->rank && v->dims[0] == images), "not of as many images as the program");
  int32_t *next = v->output ? &model->output_count : &model->input_count;
  const int64_t elements = cln_product(v->rank, v->dims);
  CLN_NEED(v->index == *next, "inputs and outputs are out of order");
  CLN_NEED(elements <= CLN_MAX_COUNT, "size out of range");
  (v->output ? model->outputs : model->inputs)[*next] =
      (cln_info){
          .name = model->strings + v->name,
          .dims = v->dims,
          .rank = v->rank,
          .element = (cln_element)v->element,
          .elements = elements,
          .bytes = elements * cln_element_bytes(v->element),
      };
  (v->output ? model->output_buffers : model->input_buffers)[*next] = v->buffer;
  ++*next;
  return NULL;
}

static int read_values(cln_model *model, const cln_value *values, char *error, size_t error_size) {
  size_t room = (size_t)model->value_count + 1;
  model->inputs = calloc(room, sizeof *model->inputs);
  model->outputs = calloc(room, sizeof *model->outputs);
  model->input_buffers = calloc(room, sizeof *model->input_buffers);
  model->output_buffers = calloc(room, sizeof *model->output_buffers);
  if (!model->inputs || !model->outputs || !model->input_buffers || !model->output_buffers)
    return cln_fail(error, error_size, "not enough memory");
  const char *reason = NULL;
  for (int32_t i = 0; i < model->value_count; ++i)
    if ((reason = read_value(model, values + i))) return cln_fail(error, error_size, "value %d: %s", i, reason);
  return 0;
}

/* One step of the running order, as one task so far. */
static const char *read_step(cln_model *model, const cln_order *o, int32_t step) {
  CLN_TRY(cln_range_order(model, o));
  int32_t count;
  const uint8_t *records = section(model, CLN_SECTION_CNM + o->op, &count);
  CLN_NEED(o->index < count, "no such record");
  model->tasks[step] = (cln_task){
      .record = records + (size_t)o->index * element_bytes[CLN_SECTION_CNM + o->op],
      .name = model->strings + o->name,
      .op = o->op,
      .step = step,
  };
  model->cnm_count += o->op == CLN_OP_CNM;
  return NULL;
}

static int read_order(cln_model *model, const cln_order *order, char *error, size_t error_size) {
  const int32_t repeats = model->program->repeats, repeated = model->program->repeat_steps;
  const char *reason = NULL;
  model->task_count = repeats * repeated + model->step_count - repeated;
  model->tasks = calloc((size_t)model->step_count + (size_t)model->task_count + 1, sizeof *model->tasks);
  if (!model->tasks) return cln_fail(error, error_size, "not enough memory");
  for (int32_t i = 0; i < model->step_count; ++i)
    if ((reason = read_step(model, order + i, i))) return cln_fail(error, error_size, "step %d: %s", i, reason);
  model->cnm_plans = calloc((size_t)model->cnm_count + 1, sizeof *model->cnm_plans);
  if (!model->cnm_plans) return cln_fail(error, error_size, "not enough memory");
  for (int32_t i = 0, plans = 0; i < model->step_count; ++i)
    if (model->tasks[i].op == CLN_OP_CNM) model->tasks[i].cnm = model->cnm_plans + plans++;
  return 0;
}

/* The repeated steps once for each repeat, from the last task to the first: none is overwritten before it is read. */
static void repeat_steps(cln_model *model) {
  const int32_t repeated = model->program->repeat_steps, repeated_tasks = model->program->repeats * repeated;
  for (int32_t i = model->task_count - 1; i >= 0; --i) {
    model->tasks[i] = model->tasks[i < repeated_tasks ? i % repeated : i - repeated_tasks + repeated];
    model->tasks[i].image = i < repeated_tasks ? i / repeated : 0;
  }
}

/* What the programs so far have: records by section, and what is repeated. */
typedef struct {
  int64_t records[CLN_SECTION_COUNT], repeated;
} taken;

/* The next `count` records of a section; NULL: there are not as many. */
static const void *take(const cln_model *model, int index, int32_t count, taken *before) {
  int32_t all;
  const uint8_t *records = section(model, index, &all);
  if (count > all - before->records[index]) return NULL;
  records += (size_t)before->records[index] * element_bytes[index];
  before->records[index] += count;
  return records;
}

static const char *check_program(cln_model *model, const cln_program *program, taken *before) {
  CLN_TRY(cln_range_program(model, program));
  model->program = program;
  model->buffer_count = program->buffers;
  model->value_count = program->values;
  model->step_count = program->steps;
  model->buffers = take(model, CLN_SECTION_BUFFERS, program->buffers, before);
  CLN_NEED(model->buffers, "more buffers than there are");
  return cln_check_repeats(model, &before->repeated);
}

static int read_program(cln_model *model, const cln_program *program, int32_t index, taken *before, char *error,
                        size_t error_size) {
  const char *problem = check_program(model, program, before);
  const cln_value *values = problem ? NULL : take(model, CLN_SECTION_VALUES, program->values, before);
  const cln_order *order = problem ? NULL : take(model, CLN_SECTION_ORDER, program->steps, before);
  if (!problem && !(values && order)) problem = "more values or steps than there are";
  if (problem) return cln_fail(error, error_size, "program %d: %s", index, problem);
  if (read_values(model, values, error, error_size) || read_order(model, order, error, error_size)) return -1;
  if (cln_model_validate(model, error, error_size)) return -1;
  repeat_steps(model);
  return 0;
}

/* Inputs, or outputs, of two programs are called the same, and differ in their sizes at most. */
static bool same_values(const cln_info *one, int32_t count, const cln_info *other, int32_t other_count) {
  if (count != other_count) return false;
  for (int32_t i = 0; i < count; ++i)
    if (strcmp(one[i].name, other[i].name) || one[i].rank != other[i].rank || one[i].element != other[i].element) return false;
  return true;
}

static int read_programs(cln_model *model, char *error, size_t error_size) {
  int32_t count;
  const cln_program *programs = section(model, CLN_SECTION_PROGRAMS, &count);
  if (count < 1 || count > CLN_MAX_PROGRAMS) return cln_fail(error, error_size, "no program, or too many");
  const cln_model shared = *model;
  taken before = {0};
  if (!(model->others = calloc((size_t)count, sizeof *model->others))) return cln_fail(error, error_size, "not enough memory");
  for (int32_t i = 0; i < count; ++i) {
    cln_model *one = i ? model->others + i - 1 : model;
    if (i) *one = shared;
    one->program_count = 1;
    model->program_count = i + 1;
    if (read_program(one, programs + i, i, &before, error, error_size)) return -1;
    if (!same_values(model->inputs, model->input_count, one->inputs, one->input_count) ||
        !same_values(model->outputs, model->output_count, one->outputs, one->output_count))
      return cln_fail(error, error_size, "program %d: other inputs or outputs than the first one's", i);
  }
  for (int s = CLN_SECTION_BUFFERS; s <= CLN_SECTION_ORDER; ++s)
    if ((uint64_t)before.records[s] != model->header->section_count[s])
      return cln_fail(error, error_size, "records of no program");
  return 0;
}

static int read_model(cln_model *model, cln_isa *row, char *error, size_t error_size) {
  model->header = (const cln_header *)model->data;
  const char *problem = check_header(model);
  if (problem) return cln_fail(error, error_size, "%s", problem);
  if (find_isa(model, row, error, error_size)) return -1;
  model->strings = section(model, CLN_SECTION_STRINGS, &model->string_count);
  model->ints = section(model, CLN_SECTION_INTS, NULL);
  model->constants = section(model, CLN_SECTION_DATA, NULL);
  model->int_count = (int64_t)model->header->section_count[CLN_SECTION_INTS];
  model->data_bytes = (int64_t)model->header->section_count[CLN_SECTION_DATA] - CLN_SLACK;
  return read_programs(model, error, error_size);
}

static int finish_open(cln_model *model, cln_model **out, char *error, size_t error_size) {
  if (read_model(model, NULL, error, error_size)) {
    cln_model_close(model);
    return -1;
  }
  *out = model;
  return 0;
}

int cln_model_open(const char *path, cln_model **out, char *error, size_t error_size) {
  *out = NULL;
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe must not make us wait */
  struct stat status;
  if (file < 0 || fstat(file, &status)) {
    int reason = errno;
    if (file >= 0) close(file);
    return cln_fail(error, error_size, "%s", strerror(reason));
  }
  if (!S_ISREG(status.st_mode) || status.st_size < (off_t)sizeof(cln_header)) {
    close(file);
    return cln_fail(error, error_size, "not a Colonnade model file");
  }
  cln_model *model = calloc(1, sizeof *model);
  void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (!model || data == MAP_FAILED) {
    free(model);
    return cln_fail(error, error_size, "not enough memory");
  }
  model->data = data;
  model->bytes = (size_t)status.st_size;
  model->mapped = true;
  return finish_open(model, out, error, error_size);
}

/* A model of bytes that are copied, nothing of which has been read; NULL: there is no memory for it. */
static cln_model *copied(const void *data, size_t bytes) {
  cln_model *model = calloc(1, sizeof *model);
  void *copy = NULL;
  if (!model || posix_memalign(&copy, CLN_ALIGNMENT, bytes)) {
    free(model);
    return NULL;
  }
  memcpy(copy, data, bytes);
  model->data = copy;
  model->bytes = bytes;
  return model;
}

int cln_model_read(const void *data, size_t bytes, cln_model **out, char *error, size_t error_size) {
  *out = NULL;
  if (bytes < sizeof(cln_header)) return cln_fail(error, error_size, "not a Colonnade model file");
  cln_model *model = copied(data, bytes);
  if (!model) return cln_fail(error, error_size, "not enough memory");
  return finish_open(model, out, error, error_size);
}

int cln_model_check(const void *data, size_t bytes, char *error, size_t error_size) {
  if (bytes < sizeof(cln_header)) return cln_fail(error, error_size, "not a Colonnade model file");
  cln_model *model = copied(data, bytes);
  if (!model) return cln_fail(error, error_size, "not enough memory");
  cln_isa row;
  const int refused = read_model(model, &row, error, error_size);
  cln_model_close(model);
  return refused;
}

static void free_program(cln_model *model) {
  for (int32_t i = 0; model->cnm_plans && i < model->cnm_count; ++i) cln_cnm_plan_free(model->cnm_plans + i);
  free(model->cnm_plans);
  free(model->tasks);
  free(model->inputs);
  free(model->outputs);
  free(model->input_buffers);
  free(model->output_buffers);
}

void cln_model_close(cln_model *model) {
  if (!model) return;
  for (int32_t i = 1; i < model->program_count; ++i) free_program(model->others + i - 1);
  free(model->others);
  free_program(model);
  if (model->mapped)
    munmap((void *)model->data, model->bytes);
  else
    free((void *)model->data);
  free(model);
}

int32_t cln_model_programs(const cln_model *model) { return model->program_count; }
const cln_model *cln_model_program(const cln_model *model, int32_t index) {
  return index ? model->others + index - 1 : model;
}
int32_t cln_model_images(const cln_model *model) { return model->program->images; }
int32_t cln_model_inputs(const cln_model *model) { return model->input_count; }
int32_t cln_model_outputs(const cln_model *model) { return model->output_count; }
cln_info cln_model_input(const cln_model *model, int32_t index) { return model->inputs[index]; }
cln_info cln_model_output(const cln_model *model, int32_t index) { return model->outputs[index]; }
const char *cln_model_target(const cln_model *model) { return model->header->target; }
int64_t cln_model_arena_bytes(const cln_model *model) { return model->program->arena_bytes; }
int32_t cln_model_steps(const cln_model *model) { return model->step_count; }

const char *cln_model_step(const cln_model *model, int32_t index, const char **op) {
  static const char *const names[CLN_OP_COUNT] = CLN_OP_NAMES;
  const int32_t repeated = model->program->repeat_steps, more = (model->program->repeats - 1) * repeated;
  const cln_task *task = model->tasks + (index < repeated ? index : index + more);
  *op = names[task->op];
  return task->name;
}

const char *cln_version(void) { return CLN_VERSION; }
const char *cln_build(void) { return CLN_BUILD; }

const char *cln_target(int32_t index, int32_t *runs) {
  for (int32_t i = 0; i <= index; ++i)
    if (!cln_isas[i]) return NULL;
  *runs = cln_isas[index]->supported();
  return cln_isas[index]->target;
}
