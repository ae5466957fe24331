/* Every field of every record of a model file, checked before anything is run: afterwards no step can read or write
 * outside its buffers, whatever the file says. What is computed may still be nonsense; that is the file's affair. */
#include "depthwise.h"
#include "internal.h"
#include "vertical.h"
#include "winograd.h"

/* Of image sides, channels and counts; of strides, kernels and phases; of paddings; of output positions of one step. */
enum { MAX_SIDE = 1 << 24, MAX_STEP = 1 << 12, MAX_PAD = 1 << 14, MAX_POSITIONS = 1 << 28 };

typedef struct {
  const cln_model *model;
  const char *what; /* the first check that failed; set by every check that returns false */
} checker;

/* The value of a check: remembers the first that is false. */
static bool require(checker *c, bool ok, const char *what) {
  if (!ok && !c->what) c->what = what;
  return ok;
}

static bool between(checker *c, int64_t value, int64_t low, int64_t high, const char *what) {
  return require(c, value >= low && value <= high, what);
}

/* `count` elements from `at` on lie inside 0 .. limit - 1. */
static bool inside(checker *c, int64_t at, int64_t count, int64_t limit, const char *what) {
  return require(c, at >= 0 && count >= 0 && count <= limit && at <= limit - count, what);
}

static bool floats(checker *c, int64_t at, int64_t count) {
  return inside(c, at, count, c->model->float_count, "constants outside the file");
}

static bool ints(checker *c, int64_t at, int64_t count) {
  return inside(c, at, count, c->model->int_count, "table outside the file");
}

static bool view(checker *c, int32_t buffer, int64_t at, int64_t count, bool write) {
  const cln_model *m = c->model;
  if (!between(c, buffer, 0, m->buffer_count - 1, "unknown buffer")) return false;
  int32_t kind = m->buffers[buffer].kind;
  return require(c, !write || kind == CLN_BUFFER_ARENA || kind == CLN_BUFFER_OUTPUT, "write to a read-only buffer") &&
         inside(c, at, count, m->buffers[buffer].floats, "data outside its buffer");
}

#define VIEW(name, count, write) view(c, s->name##_buffer, s->name##_at, (count), (write))
#define EXTENT(...) cln_extent(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (int64_t[]){__VA_ARGS__})
#define ACT(s) between(c, (s)->act, 0, CLN_ACT_COUNT - 1, "unknown activation")
#define SIDE(value) between(c, (value), 1, MAX_SIDE, "size out of range")
#define STEP(value) between(c, (value), 1, MAX_STEP, "stride or kernel out of range")
#define PAD(value) between(c, (value), 0, MAX_PAD, "padding out of range")

/* The kernel asked for, and where there is one of fewer vectors, those of all fewer rows too. */
static bool kernels(checker *c, int32_t rows, int32_t vectors) {
  const cln_kernel_grid *grid = c->model->isa->kernels;
  if (!between(c, rows, 1, CLN_MAX_ROWS, "no such micro-kernel") ||
      !between(c, vectors, 1, CLN_MAX_VECTORS, "no such micro-kernel") ||
      !require(c, (*grid)[rows][vectors] != NULL, "no such micro-kernel"))
    return false;
  for (int32_t t = 1; t <= rows; ++t)
    for (int32_t v = 1; v <= vectors; ++v)
      if (!require(c, (*grid)[t][v] || !(*grid)[rows][v], "no such micro-kernel")) return false;
  return true;
}

/* Kernels for tails of up to s->tail positions. */
static bool tails(checker *c, const cln_cnm *s) {
  const int32_t vectors = cln_tail_vectors(s->tile_rows, c->model->lanes);
  if (!between(c, s->tail, 0, CLN_MAX_TAIL, "no such micro-kernel")) return false;
  for (int32_t p = 1; p <= s->tail; ++p)
    if (!require(c, (*c->model->isa->tails)[p][vectors] != NULL, "no such micro-kernel")) return false;
  return true;
}

/* Outputs and the border before them fit their plane. */
static bool output_planes(checker *c, int32_t height, int32_t width, int32_t pitch, int32_t plane, int32_t border) {
  return require(c, width <= pitch && border >= 0, "output larger than its plane") &&
         require(c, ((int64_t)height - 1) * pitch + width <= (int64_t)plane - border, "output larger than its plane");
}

/* All planes of outputs, `border` floats before the first one included; so of a residual. */
static bool planes_view(checker *c, int32_t buffer, int64_t at, int32_t border, int64_t count, bool write) {
  return require(c, at >= border, "data outside its buffer") && view(c, buffer, at - border, count, write);
}

#define OUTPUTS(s, count)                                                          \
  (planes_view(c, (s)->y_buffer, (s)->y_at, (s)->y_border, (count), true) &&       \
   ((s)->r_buffer < 0 || planes_view(c, (s)->r_buffer, (s)->r_at, (s)->y_border, (count), false)))

/* A step that leaves padding out of loads reads x as it is, or the phases of all of x. */
static bool masks(checker *c, const cln_cnm *s) {
  if (!s->masked) return true;
  const bool whole = s->prepare || (s->phases == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pitch == s->x_pitch &&
                                    s->plane == s->x_plane);
  const int64_t rows = ((int64_t)s->in_h + s->stride_h - 1) / s->stride_h;
  const int64_t pitch = ((int64_t)s->in_w + s->stride_w - 1) / s->stride_w;
  return require(c, c->model->isa->masked && c->model->lanes == c->model->isa->lanes, "no such micro-kernel") &&
         require(c, whole && !s->local && !s->packed && s->groups == 1, "contradictory flags") &&
         require(c, s->pitch == pitch && s->plane_rows == rows && s->plane == rows * pitch, "contradictory flags") &&
         require(c, (int64_t)s->kernel_h * s->kernel_w <= CLN_MAX_TAPS, "kernel out of range") &&
         require(c, cln_rows_before(s) <= rows && cln_floats_before(s) <= pitch, "padding out of range") &&
         between(c, EXTENT(s->kernel_h, s->kernel_w, s->batch, s->out_h, s->out_w), 1, CLN_MAX_MASKED, "size out of range");
}

/* A step of turned kernels: their lanes are a tile's output channels. Where those lie fits their vectors of bytes. Lines
 * of a strip are whole, so that borders follow each other. */
static bool turned(checker *c, const cln_cnm *s) {
  if (s->strip_h == 0) return require(c, s->strip_w == 0, "contradictory flags");
  const int64_t outputs = EXTENT(s->rows, s->batch, s->y_plane, sizeof(float));
  return between(c, s->strip_h, 1, CLN_MAX_TURNED_LINES, "no such micro-kernel") &&
         between(c, s->strip_w, 1, CLN_MAX_TURNED_WIDTH, "no such micro-kernel") &&
         require(c, s->vectors == CLN_TURNED_VECTORS && s->tile_rows <= s->vectors * c->model->lanes, "no such micro-kernel") &&
         require(c, s->strip_h == 1 || s->strip_w >= s->out_w, "strips of parts of lines") &&
         require(c, !s->packed && !s->masked && !s->rowwise && !s->local && s->groups == 1 && !s->tail, "contradictory flags") &&
         between(c, outputs, 1, UINT32_MAX, "size out of range");
}

static bool cnm_sizes(checker *c, const cln_cnm *s) {
  return SIDE(s->channels) && SIDE(s->batch) && SIDE(s->in_h) && SIDE(s->in_w) && SIDE(s->plane_rows) &&
         SIDE(s->pitch) && SIDE(s->plane) && SIDE(s->x_pitch) && SIDE(s->x_plane) && SIDE(s->y_pitch) &&
         SIDE(s->y_plane) && SIDE(s->out_h) && SIDE(s->out_w) && SIDE(s->rows) && SIDE(s->groups) && SIDE(s->tiles) &&
         SIDE(s->panel) && PAD(s->pad_top) && PAD(s->pad_left) && STEP(s->stride_h) && STEP(s->stride_w) &&
         STEP(s->phases) && STEP(s->blocks) && SIDE(s->kernel_h) && SIDE(s->kernel_w) &&
         require(c, (int64_t)s->plane_rows * s->stride_h < INT32_MAX / 2, "size out of range") &&
         require(c, (int64_t)s->pitch * s->stride_w < INT32_MAX / 2, "size out of range") &&
         require(c, (int64_t)s->plane_rows * s->pitch <= s->plane, "rows larger than their plane") &&
         require(c, s->out_h <= s->plane_rows && (int64_t)s->out_w * cln_x_step(s) <= s->pitch, "output larger than the data") &&
         output_planes(c, s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border) &&
         require(c, s->rows % s->groups == 0 && s->channels % s->groups == 0, "groups do not divide the channels") &&
         require(c, !(s->local && (s->packed || s->prepare || s->strips_buffer >= 0)), "contradictory flags") &&
         require(c, s->packed || s->strips_buffer < 0, "contradictory flags") && masks(c, s) && ACT(s) &&
         between(c, s->chained, 0, 1, "contradictory flags") &&
         turned(c, s) && (cln_is_turned(s) ? between(c, s->tile_rows, 1, CLN_MAX_ROWS, "no such micro-kernel") :
                          kernels(c, s->tile_rows, s->vectors) && tails(c, s));
}

/* Floats from the first element of the first plane to the last of the last; -1 on error. */
static int64_t planes_span(checker *c, int64_t planes, int32_t height, int32_t width, int32_t pitch, int32_t plane) {
  if (!between(c, planes, 1, INT32_MAX, "size out of range") || !SIDE(height) || !SIDE(width) || !SIDE(pitch) || !SIDE(plane)) return -1;
  int64_t before = EXTENT(planes - 1, plane), rows = EXTENT(height - 1, pitch);
  return require(c, before >= 0 && rows >= 0, "size out of range") ? before + rows + width : -1;
}

/* Floats that may be read from the start of the data that the columns' offsets point into; -1 on error. */
static int64_t cnm_readable(checker *c, const cln_cnm *s) {
  const cln_model *m = c->model;
  int64_t images = EXTENT(s->batch, s->plane);
  int64_t channels = s->local ? s->channels / s->groups : s->channels;
  int64_t prepared = EXTENT(channels, s->phases, images);
  if (!require(c, images >= 0 && prepared >= 0, "size out of range")) return -1;
  int64_t planes = EXTENT(s->channels, s->batch);
  int64_t read = planes_span(c, planes, s->in_h, s->in_w, s->x_pitch, s->x_plane);
  if (read < 0 || !VIEW(x, read, false)) return -1;
  if (s->local) return prepared + CLN_SLACK;
  if (s->prepare && !VIEW(prepared, prepared, true)) return -1;
  if (s->masked) return read;
  const cln_buffer *from = m->buffers + (s->prepare ? s->prepared_buffer : s->x_buffer);
  int64_t at = s->prepare ? s->prepared_at : s->x_at;
  if (s->packed || cln_is_turned(s)) return from->floats - at;
  if (!require(c, from->kind == CLN_BUFFER_ARENA, "strips read past an input's end")) return -1;
  return m->header->arena_floats + CLN_SLACK - from->offset - at;
}

/* All of ints[at .. at + count - 1] are byte offsets of floats 0 .. limit - 1. */
static bool offsets(checker *c, int64_t at, int64_t count, int64_t limit, const char *what) {
  if (!ints(c, at, count)) return false;
  const int32_t *table = c->model->ints + at;
  int32_t low = 0, high = 0, odd = 0;
  for (int64_t i = 0; i < count; ++i) {
    low = table[i] < low ? table[i] : low;
    high = table[i] > high ? table[i] : high;
    odd |= table[i] & (int32_t)(sizeof(float) - 1);
  }
  return require(c, low >= 0 && !odd && (!count || high / (int64_t)sizeof(float) < limit), what);
}

/* All of ints[at .. at + count - 1] lie in 0 .. limit - 1. */
static bool entries(checker *c, int64_t at, int64_t count, int64_t limit, const char *what) {
  if (!ints(c, at, count)) return false;
  const int32_t *table = c->model->ints + at;
  int32_t low = 0, high = 0;
  for (int64_t i = 0; i < count; ++i) {
    low = table[i] < low ? table[i] : low;
    high = table[i] > high ? table[i] : high;
  }
  return require(c, low >= 0 && high < (count ? limit : 1), what);
}

static bool cnm_tiles(checker *c, const cln_cnm *s) {
  const cln_model *m = c->model;
  if (!ints(c, s->tile_table, 4 * (int64_t)s->tiles) || !ints(c, s->block_table, s->block_count) ||
      !entries(c, s->row_table, s->rows, s->rows, "output channel out of range"))
    return false;
  int64_t weights = 0, group = 0, rows = 0;
  for (int64_t t = 0; t < s->tiles; ++t) {
    const int32_t *tile = m->ints + s->tile_table + 4 * t, *blocks = m->ints + s->block_table + tile[3];
    if (!between(c, tile[0], 1, s->tile_rows, "tile of too many rows") ||
        !require(c, tile[1] == rows && tile[0] <= s->rows - rows, "tile rows out of range") ||
        !inside(c, tile[3], s->blocks + 1, s->block_count, "table outside the file"))
      return false;
    bool rising = blocks[0] == 0;
    for (int32_t b = 0; b < s->blocks; ++b) rising = rising && blocks[b] <= blocks[b + 1];
    if (!require(c, rising, "KC blocks out of order") ||
        !require(c, blocks[s->blocks] <= s->columns, "more columns than the layer has") ||
        !inside(c, tile[2], blocks[s->blocks], s->off_count, "columns out of range"))
      return false;
    weights += (int64_t)tile[0] * blocks[s->blocks];
    rows += tile[0];
    for (int32_t i = 0; i < tile[0] && s->groups > 1; ++i) {
      int64_t of = m->ints[s->row_table + tile[1] + i] / (s->rows / s->groups);
      if (!require(c, of == group || (i == 0 && of == group + 1), "tiles and groups do not match")) return false;
      group = of;
    }
  }
  return require(c, rows == s->rows, "tiles do not cover the output channels") &&
         require(c, s->groups == 1 || group == s->groups - 1, "tiles and groups do not match") &&
         floats(c, s->weights, weights) && floats(c, s->bias, s->rows);
}

/* Phases of a masked step are those of its stride: so a column's masks are those of what it reads. */
static bool mask_phases(checker *c, const cln_cnm *s) {
  const int32_t *phases = c->model->ints + s->phase_table;
  for (int32_t p = 0; p < s->phases; ++p)
    if (!require(c, phases[2 * p] < s->stride_h && phases[2 * p + 1] < s->stride_w, "phase out of range")) return false;
  return true;
}

static bool cnm(checker *c, const void *record) {
  const cln_cnm *s = record;
  if (!cnm_sizes(c, s)) return false;
  int64_t width = (int64_t)s->vectors * c->model->lanes, out = EXTENT(s->rows, s->batch, s->y_plane);
  int64_t readable = cnm_readable(c, s);
  if (readable < 0) return false;
  /* Past the last position. */
  int64_t last = ((int64_t)s->batch - 1) * s->plane + ((int64_t)s->out_h - 1) * s->pitch +
                 ((int64_t)s->out_w - 1) * cln_x_step(s) + 1;
  int64_t positions = EXTENT(s->batch, s->out_h, s->out_w), written = EXTENT(s->batch, s->y_plane);
  if (!require(c, written < INT32_MAX, "size out of range")) return false;
  if (!require(c, out >= 0 && last < INT32_MAX && positions <= MAX_POSITIONS, "size out of range")) return false;
  if (!OUTPUTS(s, out) || !cnm_tiles(c, s)) return false;
  if (!entries(c, s->phase_table, 2 * (int64_t)s->phases, MAX_STEP, "phase out of range")) return false;
  if (!ints(c, s->off_table, s->off_count) || !ints(c, s->off_table + s->off_count, CLN_LOOKAHEAD)) return false;
  if (s->masked && !mask_phases(c, s)) return false;
  if (!s->packed) return true; /* cnm_strips goes on */
  return between(c, s->pack_count, 1, MAX_SIDE, "nothing to pack") &&
         entries(c, s->pack_table, s->pack_count, readable - last + 1, "column outside the data") &&
         offsets(c, s->off_table, s->off_count, (s->pack_count - 1) * width + 1, "column outside the strip");
}

static bool winograd(checker *c, const void *record) {
  const cln_winograd *s = record;
  bool ok = SIDE(s->channels) && SIDE(s->batch) && SIDE(s->out_h) && SIDE(s->out_w) && SIDE(s->y_pitch) &&
            SIDE(s->y_plane) && SIDE(s->rows) && SIDE(s->panel) && PAD(s->pad_top) && PAD(s->pad_left) && ACT(s) &&
            output_planes(c, s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border) &&
            between(c, s->m, 1, CLN_MAX_WINOGRAD, "no such transform") &&
            between(c, s->stride, 1, CLN_MAX_WINOGRAD_STRIDE, "stride out of range") &&
            between(c, s->kernel, 1, CLN_MAX_WINOGRAD_TAPS * s->stride, "no such transform") &&
            require(c, (*c->model->isa->transforms)[s->m][cln_winograd_taps(s)].rows != NULL, "no such transform") &&
            kernels(c, s->tile_rows, s->vectors);
  cln_winograd_layout l;
  if (!ok || !require(c, cln_winograd_layout_of(s, c->model->lanes, &l), "size out of range")) return false;
  int64_t read = planes_span(c, EXTENT(s->channels, s->batch), s->in_h, s->in_w, s->x_pitch, s->x_plane);
  int64_t out = EXTENT(s->rows, s->batch, s->y_plane);
  return read >= 0 && require(c, l.positions <= MAX_POSITIONS && out >= 0, "size out of range") &&
         VIEW(x, read, false) && OUTPUTS(s, out) && floats(c, s->bias, s->rows) &&
         floats(c, s->weights, EXTENT(l.n, l.n, l.channels, s->rows)) &&
         ints(c, s->off_table, l.channels + CLN_LOOKAHEAD) &&
         offsets(c, s->off_table, l.channels, (l.channels - 1) * l.panel + 1, "column outside the data");
}

static bool vertical(checker *c, const void *record) {
  const cln_vertical *s = record;
  bool ok = SIDE(s->channels) && SIDE(s->batch) && SIDE(s->in_h) && SIDE(s->in_w) && SIDE(s->out_h) && SIDE(s->out_w) &&
            SIDE(s->y_pitch) && SIDE(s->y_plane) && SIDE(s->rows) && SIDE(s->panel) &&
            PAD(s->pad_top) && PAD(s->pad_left) && PAD(s->pad_right) && ACT(s) && STEP(s->kernel_w) &&
            output_planes(c, s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border) &&
            between(c, s->m, 1, CLN_MAX_WINOGRAD, "no such transform") &&
            between(c, s->stride_h, 1, CLN_MAX_WINOGRAD_STRIDE, "stride out of range") &&
            between(c, s->stride_w, 1, CLN_MAX_WINOGRAD_STRIDE, "stride out of range") &&
            between(c, s->kernel_h, 1, CLN_MAX_WINOGRAD_TAPS * s->stride_h, "no such transform") &&
            require(c, (*c->model->isa->verticals)[s->m][cln_vertical_taps(s)].in != NULL, "no such transform") &&
            kernels(c, s->tile_rows, s->vectors);
  cln_vertical_layout l;
  if (!ok || !require(c, cln_vertical_layout_of(s, c->model->lanes, &l), "size out of range")) return false;
  int64_t read = planes_span(c, EXTENT(s->channels, s->batch), s->in_h, s->in_w, s->x_pitch, s->x_plane);
  int64_t out = EXTENT(s->rows, s->batch, s->y_plane), positions = EXTENT(s->batch, s->out_h, s->out_w);
  int64_t lines = EXTENT(s->channels, s->stride_h, s->kernel_w);
  return read >= 0 && require(c, positions >= 0 && positions <= MAX_POSITIONS && out >= 0, "size out of range") &&
         VIEW(x, read, false) && OUTPUTS(s, out) && floats(c, s->bias, s->rows) &&
         floats(c, s->weights, EXTENT(l.n, lines, s->rows)) &&
         ints(c, s->off_table, lines + CLN_LOOKAHEAD) &&
         offsets(c, s->off_table, lines, l.planes * l.plane, "line outside the data");
}

/* The window kernel asked for. */
static bool window(checker *c, const cln_depthwise *s) {
  return between(c, s->kernel, 1, CLN_MAX_WINDOW, "no such micro-kernel") &&
         between(c, s->stride, 1, CLN_MAX_WINDOW_STRIDE, "no such micro-kernel") &&
         between(c, s->tile_rows, 1, CLN_MAX_WINDOW_ROWS, "no such micro-kernel") &&
         between(c, s->vectors, 1, CLN_MAX_WINDOW_VECTORS, "no such micro-kernel") &&
         require(c, (*c->model->isa->windows)[s->kernel][s->stride][s->tile_rows][s->vectors] != NULL,
                 "no such micro-kernel") &&
         between(c, s->out_h, s->tile_rows, MAX_SIDE, "fewer rows than the micro-kernel computes");
}

/* Where windows are read from x as it is: all of it, and what whole vectors run over its end. */
static bool windows_inside(checker *c, const cln_depthwise *s, const cln_depthwise_layout *l, int64_t planes) {
  const cln_model *m = c->model;
  int32_t rows = s->out_h + s->kernel - 1, width = (s->out_w > l->width ? s->out_w : l->width) + s->kernel - 1;
  int64_t read = planes_span(c, planes, rows, width, s->x_pitch, s->x_plane);
  if (read < 0 || !VIEW(x, 0, false)) return false;
  const cln_buffer *x = m->buffers + s->x_buffer;
  return require(c, s->stride == 1, "contradictory flags") &&
         require(c, x->kind == CLN_BUFFER_ARENA, "strips read past an input's end") &&
         inside(c, x->offset + s->x_at, read, m->header->arena_floats + CLN_SLACK, "data outside its buffer");
}

static bool depthwise(checker *c, const void *record) {
  const cln_depthwise *s = record;
  bool ok = SIDE(s->channels) && SIDE(s->batch) && SIDE(s->out_w) && SIDE(s->y_pitch) && SIDE(s->y_plane) &&
            SIDE(s->in_h) && SIDE(s->x_pitch) && SIDE(s->x_plane) && PAD(s->pad_top) && PAD(s->pad_left) && ACT(s) &&
            window(c, s) && output_planes(c, s->out_h, s->out_w, s->y_pitch, s->y_plane, s->y_border);
  cln_depthwise_layout l;
  if (!ok || !require(c, cln_depthwise_layout_of(s, c->model->isa, &l), "size out of range")) return false;
  int64_t planes = EXTENT(s->channels, s->batch), out = EXTENT(s->channels, s->batch, s->y_plane);
  if (!require(c, out >= 0 && (int64_t)s->out_h * s->stride < INT32_MAX / 2, "size out of range")) return false;
  if (s->direct) {
    if (!windows_inside(c, s, &l, planes)) return false;
  } else {
    int64_t read = planes_span(c, planes, s->in_h, s->in_w, s->x_pitch, s->x_plane);
    if (read < 0 || !VIEW(x, read, false)) return false;
  }
  return planes_view(c, s->y_buffer, s->y_at, s->y_border, out, true) && floats(c, s->bias, s->channels) &&
         floats(c, s->weights, EXTENT(s->channels, s->kernel, s->kernel));
}

static bool dense(checker *c, const void *record) {
  const cln_dense *s = record;
  if (!SIDE(s->columns) || !SIDE(s->batch) || !SIDE(s->outputs) || !kernels(c, s->chunk, s->vectors) || !ACT(s))
    return false;
  int64_t width = (int64_t)s->vectors * c->model->lanes, strips = (s->outputs + width - 1) / width;
  int64_t weights = EXTENT(strips, s->columns, width);
  return require(c, weights >= 0, "size out of range") && floats(c, s->weights, weights) &&
         floats(c, s->bias, strips * width) && ints(c, s->off_table, (int64_t)s->columns + CLN_LOOKAHEAD) &&
         offsets(c, s->off_table, s->columns, (s->columns - 1) * width + 1, "column outside the weights") &&
         VIEW(x, EXTENT(s->columns, s->batch), false) && VIEW(y, EXTENT(s->batch, s->outputs), true);
}

static bool pool(checker *c, const void *record) {
  const cln_pool *s = record;
  int64_t read = planes_span(c, s->planes, s->in_h, s->in_w, s->x_pitch, s->x_plane);
  int64_t written = planes_span(c, s->planes, s->out_h, s->out_w, s->y_pitch, s->y_plane);
  return read >= 0 && written >= 0 && STEP(s->kernel_h) &&
         STEP(s->kernel_w) && STEP(s->stride_h) && STEP(s->stride_w) && STEP(s->dilation_h) && STEP(s->dilation_w) &&
         PAD(s->pad_top) && PAD(s->pad_left) && SIDE(s->end_h) && SIDE(s->end_w) && ACT(s) &&
         require(c, (int64_t)s->out_h * s->stride_h < INT32_MAX / 4, "size out of range") &&
         require(c, (int64_t)s->out_w * s->stride_w < INT32_MAX / 4, "size out of range") &&
         VIEW(x, read, false) && VIEW(y, written, true);
}

static bool global_pool(checker *c, const void *record) {
  const cln_global_pool *s = record;
  int64_t read = planes_span(c, s->planes, s->height, s->width, s->x_pitch, s->x_plane);
  return read >= 0 && EXTENT(s->height, s->width) < INT32_MAX && VIEW(x, read, false) && VIEW(y, s->planes, true);
}

static bool affine(checker *c, const void *record) {
  const cln_affine *s = record;
  int64_t count = EXTENT(s->channels, s->inner);
  return SIDE(s->channels) && SIDE(s->inner) && ACT(s) && floats(c, s->scale, s->channels) &&
         floats(c, s->shift, s->channels) && VIEW(x, count, false) && VIEW(y, count, true);
}

static bool unary(checker *c, const void *record) {
  const cln_unary *s = record;
  return ACT(s) && VIEW(x, s->count, false) && VIEW(y, s->count, true);
}

static bool binary(checker *c, const void *record) {
  const cln_binary *s = record;
  int64_t count = EXTENT(s->outer, s->inner);
  return SIDE(s->outer) && SIDE(s->inner) && ACT(s) && VIEW(a, count, false) && VIEW(y, count, true) &&
         VIEW(b, s->broadcast ? s->outer : count, false);
}

/* Floats from the first to the last element that strides reach; -1 on error. */
static int64_t reach(checker *c, const int64_t *dims, const int64_t *strides) {
  int64_t last = 0;
  for (int i = 0; i < CLN_MAX_RANK; ++i) {
    int64_t along = cln_extent(2, (int64_t[]){dims[i] - 1, strides[i]});
    if (!require(c, dims[i] >= 1 && strides[i] >= 0 && along >= 0, "size out of range")) return -1;
    last += along;
  }
  return last + 1;
}

static bool copy(checker *c, const void *record) {
  const cln_copy *s = record;
  int64_t read = reach(c, s->dims, s->x_strides), written = reach(c, s->dims, s->y_strides);
  if (read < 0 || written < 0) return false;
  int64_t count = cln_extent(CLN_MAX_RANK, s->dims);
  return require(c, count >= 0 && count <= written, "an element is written twice") && VIEW(x, read, false) &&
         VIEW(y, written, true);
}

static bool fill(checker *c, const void *record) {
  const cln_fill *s = record;
  return VIEW(y, s->count, true);
}

static bool softmax(checker *c, const void *record) {
  const cln_softmax *s = record;
  int64_t count = EXTENT(s->outer, s->count, s->inner);
  return SIDE(s->outer) && SIDE(s->count) && SIDE(s->inner) && VIEW(x, count, false) && VIEW(y, count, true);
}

static bool lrn(checker *c, const void *record) {
  const cln_lrn *s = record;
  int64_t count = EXTENT(s->channels, s->inner);
  return SIDE(s->channels) && SIDE(s->inner) && SIDE(s->size) && VIEW(x, count, false) && VIEW(y, count, true);
}

static bool (*const checks[CLN_OP_COUNT])(checker *, const void *) = {
    [CLN_OP_CNM] = cnm,       [CLN_OP_WINOGRAD] = winograd, [CLN_OP_VERTICAL] = vertical, [CLN_OP_DENSE] = dense, [CLN_OP_POOL] = pool,
    [CLN_OP_AFFINE] = affine, [CLN_OP_UNARY] = unary,       [CLN_OP_BINARY] = binary, [CLN_OP_COPY] = copy,
    [CLN_OP_FILL] = fill,     [CLN_OP_SOFTMAX] = softmax,   [CLN_OP_LRN] = lrn,
    [CLN_OP_GLOBAL_POOL] = global_pool, [CLN_OP_DEPTHWISE] = depthwise,
};

static bool buffers(checker *c) {
  const cln_model *m = c->model;
  if (!between(c, m->header->arena_floats, 0, (int64_t)1 << 38, "arena out of range")) return false;
  for (int32_t i = 0; i < m->buffer_count; ++i) {
    const cln_buffer *b = m->buffers + i;
    int64_t limit = 0;
    if (!between(c, b->kind, 0, CLN_BUFFER_COUNT - 1, "unknown kind of buffer")) return false;
    if (b->kind == CLN_BUFFER_ARENA) limit = m->header->arena_floats;
    if (b->kind == CLN_BUFFER_CONSTANT) limit = m->float_count;
    if (!between(c, b->advance, 0, (int64_t)1 << 38, "buffer out of range") ||
        !between(c, b->floats, 0, (int64_t)1 << 38, "buffer out of range"))
      return false;
    const int64_t floats = b->floats + (m->header->repeats - 1) * b->advance; /* of all repeats */
    if (b->kind == CLN_BUFFER_ARENA || b->kind == CLN_BUFFER_CONSTANT) {
      if (!inside(c, b->offset, floats, limit, "buffer out of range")) return false;
    } else {
      const bool input = b->kind == CLN_BUFFER_INPUT;
      if (!between(c, b->offset, 0, (input ? m->input_count : m->output_count) - 1, "unknown value") ||
          !require(c, floats == (input ? m->inputs : m->outputs)[b->offset].floats, "buffer and value differ"))
        return false;
    }
  }
  return true;
}

/* Values are given by the caller and results read by it: each must be the buffer made for it. */
static bool values(checker *c) {
  const cln_model *m = c->model;
  for (int32_t i = 0; i < m->input_count + m->output_count; ++i) {
    const bool input = i < m->input_count;
    int32_t index = input ? i : i - m->input_count, buffer = (input ? m->input_buffers : m->output_buffers)[index];
    if (!between(c, buffer, 0, m->buffer_count - 1, "unknown buffer") ||
        !require(c, m->buffers[buffer].kind == (input ? CLN_BUFFER_INPUT : CLN_BUFFER_OUTPUT), "value without buffer") ||
        !require(c, m->buffers[buffer].offset == index, "value without buffer"))
      return false;
  }
  return true;
}

/* Every column of a masked step is of a kernel element. */
static bool mask_columns(checker *c, const cln_cnm *s, const uint8_t *taps) {
  for (int64_t i = 0; i < s->off_count; ++i)
    if (!require(c, taps[i] != CLN_NO_TAP, "column outside the data")) return false;
  return true;
}

/* What can only be checked once a convolution's strips are known. */
static bool cnm_strips(checker *c, const cln_cnm *s, const cln_cnm_plan *plan) {
  int64_t width = (int64_t)s->vectors * c->model->lanes;
  if (s->masked) return mask_columns(c, s, plan->taps);
  for (int32_t i = 0; i < plan->strip_count && cln_is_turned(s); ++i) {
    cln_strip *strip = plan->strips + i;
    strip->turned = cln_turned_kernel_of(c->model->isa, s, strip->segments, plan->segments[strip->first].len);
    if (!require(c, strip->turned != NULL, "no such micro-kernel")) return false;
  }
  if (!s->packed)
    return offsets(c, s->off_table, s->off_count, cnm_readable(c, s) - plan->reach + 1, "column outside the data");
  if (s->strips_buffer < 0) return true;
  return VIEW(strips, EXTENT(plan->strip_count, s->pack_count, width), true);
}

/* A line of a pool's windows, their folds and shares (ops.c). */
static int64_t pool_scratch(const cln_pool *s) {
  int64_t span = (int64_t)(s->out_w - 1) * s->stride_w + 1;
  return 2 * span + (int64_t)(s->kernel_w - 1) * s->dilation_w + s->out_w;
}

/* Floats of scratch that a step other than `cnm` asks for, per thread. */
static int64_t step_scratch(const cln_model *model, const cln_order_entry *entry) {
  cln_winograd_layout l;
  cln_vertical_layout v;
  cln_depthwise_layout d;
  if (entry->op == CLN_OP_VERTICAL && cln_vertical_layout_of(entry->record, model->lanes, &v)) return v.scratch_floats;
  if (entry->op == CLN_OP_WINOGRAD && cln_winograd_layout_of(entry->record, model->lanes, &l)) return l.scratch_floats;
  if (entry->op == CLN_OP_DEPTHWISE && cln_depthwise_layout_of(entry->record, model->isa, &d)) return d.scratch_floats;
  if (entry->op == CLN_OP_POOL) return pool_scratch(entry->record);
  if (entry->op != CLN_OP_DENSE) return 0;
  const cln_dense *s = entry->record;
  return (int64_t)s->chunk * (s->columns + (int64_t)s->vectors * model->lanes) + CLN_SLACK;
}

/* A chained step computes the panels of the next one, of as many strips, which reads x as it is. */
static bool chain(checker *c, int32_t step) {
  const cln_model *m = c->model;
  const cln_order_entry *entry = m->order + step, *next = entry + 1;
  if (entry->op != CLN_OP_CNM || !((const cln_cnm *)entry->record)->chained) return true;
  const int32_t repeated = m->header->repeats > 1 ? m->header->repeat_steps : 0;
  const char *what = "no step to be chained to";
  if (!require(c, step + 1 < m->step_count && step + 1 != repeated && next->op == CLN_OP_CNM, what)) return false;
  const cln_cnm *a = entry->record, *b = next->record;
  return require(c, !a->local && a->strips_buffer < 0, what) &&
         require(c, !b->packed && !b->prepare && !b->local && !b->masked && !b->chained, what) &&
         require(c, entry->cnm->strip_count == next->cnm->strip_count && entry->cnm->panel == next->cnm->panel, what);
}

int cln_model_validate(cln_model *model, char *error, size_t error_size) {
  checker c = {.model = model};
  if (!buffers(&c) || !values(&c)) return cln_fail(error, error_size, "%s", c.what);
  for (int32_t i = 0, plans = 0; i < model->step_count; ++i) {
    cln_order_entry *entry = model->order + i;
    bool ok = require(&c, checks[entry->op] != NULL, "no check for this step") && checks[entry->op](&c, entry->record);
    if (ok && entry->op == CLN_OP_CNM) {
      cln_cnm_plan *plan = model->cnm_plans + plans++;
      entry->cnm = plan;
      if (cln_cnm_plan_build(model, entry->record, plan))
        require(&c, false, "not enough memory");
      else if (cnm_strips(&c, entry->record, plan) && plan->scratch_floats > model->scratch_floats)
        model->scratch_floats = plan->scratch_floats;
    } else if (ok) {
      int64_t scratch = step_scratch(model, entry);
      if (scratch > model->scratch_floats) model->scratch_floats = scratch;
    }
    if (c.what) return cln_fail(error, error_size, "step %d '%s': %s", i, entry->name, c.what);
  }
  for (int32_t i = 0; i < model->step_count; ++i)
    if (!chain(&c, i)) return cln_fail(error, error_size, "step %d '%s': %s", i, model->order[i].name, c.what);
  return 0;
}
