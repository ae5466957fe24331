/* libFuzzer's mutator: a model file with other numbers in a few fields that have to do with each other, its sections
 * moved, its steps in another order, and its checksum right again. */
#include "draft.h"

/* The files of all recipes, each after its length in eight bytes. */
__asm__(".section .rodata\n"
        "recipes: .incbin \"recipes.bin\"\n"
        "recipes_end:\n"
        ".text");
extern const uint8_t recipes[], recipes_end[];

size_t LLVMFuzzerMutate(uint8_t *data, size_t bytes, size_t room);

enum { MOST_PARTS = 16, MOST_NUMBERS = 512, MOST_CHANGES = 6, MOST_RECIPES = 256 };

/* Records that are changed together: first a step, then its buffers, its
 * program, the next step, the header. And the numbers in them. */
typedef struct {
  part parts[MOST_PARTS];
  int32_t part_count;
  int64_t numbers[MOST_NUMBERS];
  int32_t number_count;
} focus;

/* What is changed together */

static void add_part(focus *f, part p) {
  if (f->part_count < MOST_PARTS) f->parts[f->part_count++] = p;
}

/* The program of step number `index` of the running order; the number of its first buffer in the section. */
static part program_of(const draft *d, size_t index, size_t *first_buffer) {
  const part none = {0};
  size_t steps = 0;
  *first_buffer = 0;
  for (size_t i = 0; i < elements(d, CLN_SECTION_PROGRAMS); ++i) {
    const part found = element(d, CLN_SECTION_PROGRAMS, i);
    cln_program p;
    memcpy(&p, d->data + found.at, sizeof p);
    steps += (size_t)p.steps;
    if (index < steps) return found;
    *first_buffer += (size_t)p.buffers;
  }
  return none;
}

static void add_buffers(const draft *d, focus *f, part step, size_t first) {
  for (const field *own = step.record->fields; own < step.record->fields + step.record->field_count; ++own) {
    const int64_t buffer = own->role == BUFFER || own->role == WRITTEN ? load(d, (place){step.at + own->at, own->bytes}) : -1;
    if (buffer >= 0 && first + (uint64_t)buffer < elements(d, CLN_SECTION_BUFFERS))
      add_part(f, element(d, CLN_SECTION_BUFFERS, first + (size_t)buffer));
  }
}

/* Up to where in `ints` a table of a record goes that begins at `from`: where the next one begins. */
static int64_t end_of_table(const draft *d, part p, int64_t from) {
  int64_t end = (int64_t)elements(d, CLN_SECTION_INTS);
  for (const field *own = p.record->fields; own < p.record->fields + p.record->field_count; ++own) {
    const int64_t other = own->role == TABLE ? load(d, (place){p.at + own->at, own->bytes}) : end;
    if (other > from && other < end) end = other;
  }
  return end;
}

/* One element of every table that is made of records. */
static void add_elements(draft *d, focus *f, part step) {
  for (const field *own = step.record->fields; own < step.record->fields + step.record->field_count; ++own) {
    const int64_t from = own->of ? load(d, (place){step.at + own->at, own->bytes}) : -1;
    if (from < 0 || from >= (int64_t)elements(d, CLN_SECTION_INTS)) continue;
    const uint64_t count = (uint64_t)(end_of_table(d, step, from) - from) * sizeof(int32_t) / own->of->bytes;
    const size_t at = element(d, CLN_SECTION_INTS, (size_t)from).at + random_below(d, count) * own->of->bytes;
    if (count) add_part(f, (part){own->of, at});
  }
}

/* The step that is number `index` of the running order; false: it is nowhere. */
static bool step_at(const draft *d, size_t index, part *step) {
  if (index >= elements(d, CLN_SECTION_ORDER)) return false;
  cln_order o;
  memcpy(&o, d->data + element(d, CLN_SECTION_ORDER, index).at, sizeof o);
  if (o.op < 0 || o.op >= CLN_OP_COUNT || o.index < 0 || (size_t)o.index >= elements(d, CLN_SECTION_CNM + o.op)) return false;
  *step = element(d, CLN_SECTION_CNM + o.op, (size_t)o.index);
  return true;
}

static void add_numbers(const draft *d, focus *f) {
  static const int64_t known[] = {1, 2, 4, 16};
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) f->numbers[f->number_count++] = known[i];
  for (int32_t i = 0; i < f->part_count; ++i) {
    const record *r = f->parts[i].record;
    for (const field *own = r->fields; own < r->fields + r->field_count; ++own)
      for (int32_t k = 0; own->role != KEPT && k < own->count && f->number_count < MOST_NUMBERS; ++k)
        f->numbers[f->number_count++] = load(d, (place){f->parts[i].at + own->at + (size_t)(k * own->bytes), own->bytes});
  }
}

static void choose_focus(draft *d, focus *f) {
  const size_t steps = elements(d, CLN_SECTION_ORDER), index = random_below(d, steps);
  size_t first_buffer;
  part step;
  const part program = program_of(d, index, &first_buffer);
  f->part_count = f->number_count = 0;
  if (step_at(d, index, &step)) {
    add_part(f, step);
    add_elements(d, f, step);
    add_buffers(d, f, step, first_buffer);
  }
  if (program.record) add_part(f, program);
  if (step_at(d, index + 1, &step)) add_part(f, step);
  if (steps) add_part(f, element(d, CLN_SECTION_ORDER, index));
  if (elements(d, CLN_SECTION_VALUES))
    add_part(f, element(d, CLN_SECTION_VALUES, random_below(d, elements(d, CLN_SECTION_VALUES))));
  add_part(f, (part){&header_record, 0});
  add_numbers(d, f);
}

static place table_entry(draft *d, part p, int64_t from) {
  const int64_t many = end_of_table(d, p, from) - from;
  const int64_t entry = one_in(d, 3) ? many - 1 - (int64_t)random_below(d, 4) : (int64_t)random_below(d, (uint64_t)many);
  return (place){element(d, CLN_SECTION_INTS, (size_t)(from + (entry < 0 ? 0 : entry))).at, 4};
}

/* A number in one of the records, most often the step, or in one of its tables. */
static bool choose_place(draft *d, const focus *f, place *chosen) {
  const part p = f->parts[one_in(d, 2) ? 0 : random_below(d, (uint64_t)f->part_count)];
  const field *own = p.record->fields + random_below(d, (uint64_t)p.record->field_count);
  if (own->role == KEPT) return false;
  *chosen = (place){p.at + own->at + random_below(d, (uint64_t)own->count) * (size_t)own->bytes, own->bytes};
  const int64_t from = load(d, *chosen);
  if (own->role == TABLE && from >= 0 && from < (int64_t)elements(d, CLN_SECTION_INTS) && !one_in(d, 4))
    *chosen = table_entry(d, p, from);
  return true;
}

/* What a number becomes */

static int64_t extreme(draft *d) {
  const int64_t shift = (int64_t)random_below(d, 64), power = (int64_t)((uint64_t)1 << shift);
  static const int64_t known[] = {0,       -1,      INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1 << 12, 1 << 14,
                                  46341,   1 << 16, 1 << 24,   1 << 28,   1ll << 38, 1ll << 40, 1ll << 62};
  switch (random_below(d, 4)) {
    case 0: return power;
    case 1: return (int64_t)((uint64_t)power - 1);
    case 2: return (int64_t)((uint64_t)known[random_below(d, sizeof known / sizeof *known)] + 1 - random_below(d, 3));
    default: return known[random_below(d, sizeof known / sizeof *known)];
  }
}

static int64_t near(draft *d, uint64_t old) {
  switch (random_below(d, 6)) {
    case 0: return (int64_t)(old * 2);
    case 1: return (int64_t)old / 2;
    case 2: return (int64_t)(0 - old);
    case 3: return (int64_t)(old * random_below(d, 9));
    default: return (int64_t)(old + random_below(d, 18) - 9);
  }
}

/* Of two numbers of the focus, and perhaps of as many bytes as floats. */
static int64_t related(draft *d, const focus *f) {
  const uint64_t a = (uint64_t)f->numbers[random_below(d, (uint64_t)f->number_count)];
  const uint64_t b = (uint64_t)f->numbers[random_below(d, (uint64_t)f->number_count)];
  const uint64_t scale = one_in(d, 4) ? sizeof(float) : 1;
  switch (random_below(d, 6)) {
    case 0: return (int64_t)(scale * (a + b));
    case 1: return (int64_t)(scale * (a - b));
    case 2: return (int64_t)(scale * a * b);
    case 3: return (int64_t)(scale * (b ? a / b : a));
    case 4: return (int64_t)(scale * (a - 1));
    default: return (int64_t)(scale * a);
  }
}

/* The number at the same place of another record of the same section. */
static int64_t borrowed(draft *d, place p, int64_t old) {
  for (int s = 0; s < CLN_SECTION_COUNT; ++s) {
    const size_t begin = header_of(d)->section_at[s], size = section_records[s].bytes, count = elements(d, s);
    if (p.at >= begin && p.at < begin + count * size && size > 1)
      return load(d, (place){begin + random_below(d, count) * size + (p.at - begin) % size, p.bytes});
  }
  return old;
}

static int64_t libfuzzers(place p, int64_t old) {
  uint8_t bytes[8] = {0};
  int64_t value;
  memcpy(bytes, &old, sizeof old);
  LLVMFuzzerMutate(bytes, (size_t)p.bytes, (size_t)p.bytes);
  memcpy(&value, bytes, sizeof value);
  return value;
}

static int64_t other_value(draft *d, const focus *f, place p, int64_t old) {
  switch (random_below(d, 8)) {
    case 0: return extreme(d);
    case 1: return borrowed(d, p, old);
    case 2: return libfuzzers(p, old);
    case 3: return (int64_t)random_below(d, 64);
    case 4:
    case 5: return near(d, (uint64_t)old);
    default: return related(d, f);
  }
}

/* The value farthest from the old one, up or down, that is still accepted, or the first that is not. In units of a float's
 * bytes, as columns' offsets are, or of one. */
static void go_to_the_edge(draft *d, place p) {
  const uint64_t old = (uint64_t)load(d, p), unit = old % sizeof(float) || one_in(d, 2) ? 1 : sizeof(float);
  const uint64_t by = one_in(d, 3) ? -unit : unit;
  uint64_t good = 0, bad = 0; /* distances; bad: 0 as long as there is none */
  for (uint64_t step = 1; !bad && step < (uint64_t)1 << (8 * p.bytes - 4); step *= 2) {
    store(d, p, (int64_t)(old + by * step));
    *(accepted(d) ? &good : &bad) = step;
  }
  while (bad > good + 1) {
    const uint64_t middle = good + (bad - good) / 2;
    store(d, p, (int64_t)(old + by * middle));
    *(accepted(d) ? &good : &bad) = middle;
  }
  store(d, p, (int64_t)(old + by * (bad && one_in(d, 8) ? bad : good)));
}

static void change(draft *d, focus *f, place p, int64_t value) {
  store(d, p, value);
  if (f->number_count < MOST_NUMBERS) f->numbers[f->number_count++] = load(d, p);
}

/* Neighbours in a record, which have to do with each other, become extreme together, or all the same. */
static void change_neighbours(draft *d, focus *f) {
  const part p = f->parts[one_in(d, 2) ? 0 : random_below(d, (uint64_t)f->part_count)];
  const int32_t count = p.record->field_count, first = (int32_t)random_below(d, (uint64_t)count);
  const int32_t end = first + 1 + (int32_t)random_below(d, MOST_CHANGES);
  const bool same = one_in(d, 2);
  const int64_t all = one_in(d, 2) ? extreme(d) : related(d, f);
  for (int32_t i = first; i < end && i < count; ++i) {
    const field *own = p.record->fields + i;
    if (own->role != KEPT && !one_in(d, 5))
      change(d, f, (place){p.at + own->at, own->bytes}, same ? all : one_in(d, 2) ? extreme(d) : related(d, f));
  }
}

static void change_any(draft *d, focus *f) {
  int64_t last = 1;
  for (uint64_t i = random_below(d, MOST_CHANGES); i < MOST_CHANGES; ++i) {
    place p;
    if (!choose_place(d, f, &p)) continue;
    last = one_in(d, 5) ? last : other_value(d, f, p, load(d, p));
    change(d, f, p, last);
  }
}

/* Other numbers until one makes up for the change that was refused; false: none did. */
static bool make_up(draft *d, focus *f) {
  for (int tries = 0; tries < 6; ++tries) {
    place p;
    if (!choose_place(d, f, &p)) continue;
    const int64_t old = load(d, p);
    store(d, p, other_value(d, f, p, old));
    if (accepted(d)) return true;
    store(d, p, old);
  }
  return false;
}

/* What is refused is taken back: so changes add up that are accepted. */
static void change_carefully(draft *d, focus *f) {
  if (!accepted(d)) return change_any(d, f);
  for (uint64_t i = random_below(d, MOST_CHANGES); i < MOST_CHANGES; ++i) {
    place p;
    if (!choose_place(d, f, &p)) continue;
    if (one_in(d, 12)) {
      go_to_the_edge(d, p);
      continue;
    }
    const int64_t old = load(d, p);
    change(d, f, p, other_value(d, f, p, old));
    if (!accepted(d) && (!one_in(d, 3) || !make_up(d, f))) store(d, p, old);
  }
}

static void change_fields(draft *d) {
  focus f;
  choose_focus(d, &f);
  switch (random_below(d, 6)) {
    case 0: return change_neighbours(d, &f);
    case 1: return change_any(d, &f);
    default: return change_carefully(d, &f);
  }
}

/* The file's structure */

static void copy_or_swap(draft *d, int section) {
  const size_t count = elements(d, section), size = section_records[section].bytes;
  if (!count) return;
  uint8_t *a = d->data + element(d, section, random_below(d, count)).at, *b = d->data + element(d, section, random_below(d, count)).at;
  const bool copied = one_in(d, 2);
  for (size_t i = 0; i < size; ++i) {
    const uint8_t byte = a[i];
    a[i] = b[i];
    if (!copied) b[i] = byte;
  }
}

/* A section moves to the end of the file, with an element more, like one of the others. */
static void lengthen(draft *d, int section) {
  const size_t count = elements(d, section), size = section_records[section].bytes;
  const size_t at = (d->bytes + CLN_ALIGNMENT - 1) / CLN_ALIGNMENT * CLN_ALIGNMENT, end = at + (count + 1) * size;
  if (!count || end > d->room) return;
  memset(d->data + d->bytes, 0, end - d->bytes);
  memcpy(d->data + at, d->data + element(d, section, 0).at, count * size);
  memcpy(d->data + at + count * size, d->data + element(d, section, random_below(d, count)).at, size);
  header_of(d)->section_at[section] = at;
  header_of(d)->section_count[section] = count + 1;
  d->bytes = end;
}

static void shorten(draft *d, int section) {
  if (header_of(d)->section_count[section]) --header_of(d)->section_count[section];
}

static void cut_or_extend(draft *d) {
  const size_t old = d->bytes, most = one_in(d, 2) ? old : d->room;
  d->bytes = sizeof(cln_header) + random_below(d, most - sizeof(cln_header) + 1);
  if (d->bytes > old) memset(d->data + old, 0, d->bytes - old);
}

static void change_structure(draft *d) {
  const int section = one_in(d, 2) ? CLN_SECTION_ORDER : (int)random_below(d, CLN_SECTION_COUNT);
  switch (random_below(d, 8)) {
    case 0: return cut_or_extend(d);
    case 1: return shorten(d, section);
    case 2:
    case 3: return lengthen(d, section);
    default: return copy_or_swap(d, section);
  }
}

/* Any of the recipes, so that none is forgotten for those in which there is more to find. */
static void start_again(draft *d) {
  const uint8_t *at[MOST_RECIPES];
  uint64_t count = 0, bytes;
  for (const uint8_t *next = recipes; next < recipes_end && count < MOST_RECIPES; next += sizeof bytes + bytes) {
    memcpy(&bytes, next, sizeof bytes);
    at[count++] = next;
  }
  const uint8_t *chosen = at[random_below(d, count)];
  memcpy(&bytes, chosen, sizeof bytes);
  if (bytes > d->room) return;
  memcpy(d->data, chosen + sizeof bytes, bytes);
  d->bytes = bytes;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t bytes, size_t room, unsigned seed) {
  draft d = {data, bytes, room, ((uint64_t)seed + 1) * 0x9e3779b97f4a7c15u};
  if (bytes < sizeof(cln_header) || one_in(&d, 3)) start_again(&d);
  if (d.bytes < sizeof(cln_header)) return LLVMFuzzerMutate(data, bytes, room);
  if (one_in(&d, 8)) change_structure(&d);
  if (one_in(&d, 8) || !one_in(&d, 8)) change_fields(&d);
  mend(&d);
  return d.bytes;
}

/* The first file, with a few numbers of a record of the second in one of the same kind. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *first, size_t first_bytes, const uint8_t *second, size_t second_bytes,
                                 uint8_t *out, size_t room, unsigned seed) {
  if (first_bytes < sizeof(cln_header) || second_bytes < sizeof(cln_header) || first_bytes > room) return 0;
  draft from = {(uint8_t *)second, second_bytes, second_bytes, 1}, d = {out, first_bytes, room, ((uint64_t)seed + 1) * 0x9e3779b97f4a7c15u};
  memcpy(out, first, first_bytes);
  const int start = (int)random_below(&d, CLN_SECTION_COUNT);
  for (int i = 0; i < CLN_SECTION_COUNT; ++i) {
    const int section = (start + i) % CLN_SECTION_COUNT;
    const record *r = section_records + section;
    const size_t mine = elements(&d, section), theirs = elements(&from, section);
    if (!r->fields || !mine || !theirs) continue;
    const part to = element(&d, section, random_below(&d, mine)), source = element(&from, section, random_below(&d, theirs));
    for (const field *own = r->fields; own < r->fields + r->field_count; ++own)
      if (one_in(&d, 3)) memcpy(out + to.at + own->at, second + source.at + own->at, (size_t)(own->bytes * own->count));
    break;
  }
  mend(&d);
  return d.bytes;
}
