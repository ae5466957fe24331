/* Padding and splitting x for a convolution step: [channel][phase][image][plane]. */
#pragma once
#include "internal.h"
#include "lines.h"

/* Whether phase `phase` and the next one are the two columns of the same lines: they are split from x together. */
static inline bool are_pair(const cln_cnm *s, const int32_t *phases, int32_t phase) {
  const int32_t *p = phases + 2 * phase;
  return s->stride_w == 2 && phase + 1 < s->phases && p[0] == p[2] && p[1] == 0 && p[3] == 1;
}

/* Lines of one phase, or of a pair, of one image; and their padding. */
static inline void prepare_plane(const cln_cnm *s, const int32_t *phase, bool pair, const float *x, float *to) {
  const int64_t next = (int64_t)s->batch * s->plane; /* phase */
  const int32_t pad_top = s->lane_masked ? 0 : s->pad_top, pad_left = s->lane_masked ? 0 : s->pad_left;
  const int32_t tail = s->plane - s->plane_lines * s->pitch;
  line_span spans[2];
  for (int32_t i = 0; i <= pair; ++i) spans[i] = span_of_line(s->pitch, s->in_w, phase[2 * i + 1] - pad_left, s->stride_w);
  for (int32_t line = 0; line < s->plane_lines; ++line, to += s->pitch) {
    int32_t y = line * s->stride_h + phase[0] - pad_top;
    const float *from = x + (int64_t)y * s->x_pitch;
    if (y < 0 || y >= s->in_h) {
      for (int32_t i = 0; i <= pair; ++i) zero_floats(to + i * next, s->pitch);
    } else if (pair) {
      split_line(to, to + next, s->pitch, from, spans, false);
    } else {
      pad_line(to, s->pitch, from, spans[0], s->stride_w, false);
    }
  }
  for (int32_t i = 0; i <= pair; ++i) zero_floats(to + i * next, tail);
}

/* All phases and images of one channel. */
static inline void prepare_channel(const cln_cnm *s, const int32_t *phases, const float *x, float *to) {
  for (int32_t phase = 0; phase < s->phases; ++phase) {
    const bool pair = are_pair(s, phases, phase);
    for (int32_t image = 0; image < s->batch; ++image) {
      float *plane = to + ((int64_t)phase * s->batch + image) * s->plane;
      prepare_plane(s, phases + 2 * phase, pair, x + (int64_t)image * s->x_plane, plane);
    }
    phase += pair;
  }
}
