/* Element-wise functions over floats, written so that compilers vectorise them. */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "format.h"

typedef struct {
  int32_t kind;
  float lo, hi, alpha, beta;
} cln_act;

/* A step's activation. */
#define CLN_ACT_OF(step) ((cln_act){(step)->act, (step)->lo, (step)->hi, (step)->alpha, (step)->beta})

/* NaN passes through: a comparison with it is false. */
static inline float cln_clamp(float x, float lo, float hi) {
  x = x < lo ? lo : x;
  return x > hi ? hi : x;
}

/* exp to 1e-7 relative: 2^n * p(r), x = n ln 2 + r, |r| <= ln 2 / 2, p the Taylor polynomial of degree 7. Above 88
 * infinity, below -87 about 1e-38. */
static inline float cln_exp(float x) {
  float clamped = cln_clamp(x, -87.0f, 88.0f);
  float n = clamped * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds to an integer in the low bits */
  int32_t bits;
  memcpy(&bits, &n, 4);
  n -= 12582912.0f;
  float r = clamped - n * 0.693359375f + n * 2.12194440e-4f; /* ln 2 in two parts (Cody and Waite) */
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  int32_t scale_bits = (int32_t)((uint32_t)(bits - 0x4B400000 + 127) << 23);
  float scale;
  memcpy(&scale, &scale_bits, 4);
  float y = x > 88.0f ? INFINITY : p * scale;
  return x == x ? y : x;
}

static inline float cln_sigmoid(float x) { return 1.0f / (1.0f + cln_exp(-x)); }

/* Both values are computed, so that loops have no branch. */
static inline float cln_choose(bool first, float a, float b) { return first ? a : b; }

#include "activations.h" /* cln_act_loop: generated from the rows of graph/activations.py */

/* y[i] = act(x[i]); x and y may be the same. */
static inline void cln_activate(float *y, const float *x, int64_t n, cln_act act) {
  if (act.kind != CLN_ACT_CLAMP || act.lo != -INFINITY || act.hi != INFINITY)
    cln_act_loop(y, x, n, act);
  else if (y != x)
    memmove(y, x, (size_t)n * sizeof *y); /* they overlap only in a file made to */
}
