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
 * infinity, below -87 about 1e-38. NaN stays NaN, in every product and sum. */
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
  return x > 88.0f ? INFINITY : p * scale;
}

/* ln(x): x = m 2^e with m from sqrt(1/2) to sqrt(2), ln(1 + f) = f - f^2 / 2 + f^3 p(f), p a Chebyshev fit of degree 8,
 * 4e-8 absolute. */
static inline float cln_log(float x) {
  const bool tiny = x < 1.17549435e-38f; /* denormal */
  const float scaled = tiny ? x * 8388608.0f : x;
  int32_t bits;
  memcpy(&bits, &scaled, 4);
  const int32_t e = (bits - 0x3F3504F3) >> 23;
  bits -= (int32_t)((uint32_t)e << 23);
  float m;
  memcpy(&m, &bits, 4);
  const float f = m - 1.0f, exponent = (float)(e - (tiny ? 23 : 0));
  float p = 0.0714975335f;
  p = p * f - 0.115712012f;
  p = p * f + 0.116615115f;
  p = p * f - 0.124110506f;
  p = p * f + 0.142499365f;
  p = p * f - 0.166684802f;
  p = p * f + 0.200007075f;
  p = p * f - 0.24999989f;
  p = p * f + 0.333333312f;
  const float y = exponent * 0.693359375f + (f + (exponent * -2.12194440e-4f + (f * f * (f * p - 0.5f))));
  const float below = x == 0.0f ? -INFINITY : NAN;
  return x > 0.0f ? (x < INFINITY ? y : x) : (x == x ? below : x);
}

/* erf(x): x p(x^2) up to 1, 1 - exp(q(|x|)) up to 4, p and q Chebyshev fits of degrees 6 and 7; 1.4e-7 absolute. */
static inline float cln_erf(float x) {
  const float t = cln_clamp(x < 0.0f ? -x : x, 0.0f, 4.0f), z = t * t;
  float p = 7.8824971e-05f;
  p = p * z - 8.01885499e-4f;
  p = p * z + 5.18931194e-3f;
  p = p * z - 2.68543288e-2f;
  p = p * z + 0.112835975f;
  p = p * z - 0.376126269f;
  p = p * z + 1.12837917f;
  float q = -1.33093904e-05f;
  q = q * t + 3.17572035e-4f;
  q = q * t - 3.4368676e-3f;
  q = q * t + 2.26219859e-2f;
  q = q * t - 0.10331898f;
  q = q * t - 0.639093319f;
  q = q * t - 1.12592595f;
  q = q * t - 7.56968624e-4f;
  const float y = t < 1.0f ? t * p : 1.0f - cln_exp(q);
  return x < 0.0f ? -y : y;
}

/* (1 - e) / (1 + e), e = exp(-2 |x|); for small x, where that loses digits, the Taylor polynomial. */
static inline float cln_tanh(float x) {
  const float t = x < 0.0f ? -x : x, z = x * x, e = cln_exp(-2.0f * t);
  const float large = (1.0f - e) / (1.0f + e);
  const float small = t * (1.0f + z * (-1.0f / 3 + z * (2.0f / 15 + z * (-17.0f / 315 + z * (62.0f / 2835)))));
  const float y = t < 0.3f ? small : large;
  return x < 0.0f ? -y : y;
}

static inline float cln_abs(float x) { return fabsf(x); }
static inline float cln_sign(float x) { return x > 0.0f ? 1.0f : (x < 0.0f ? -1.0f : x); }
static inline float cln_sqrt(float x) { return sqrtf(x); }
static inline float cln_floor(float x) { return floorf(x); }
static inline float cln_ceil(float x) { return ceilf(x); }
static inline float cln_round(float x) { return rintf(x); }
static inline float cln_trunc(float x) { return truncf(x); }
static inline float cln_max(float a, float b) { return a > b || a != a ? a : b; }
static inline float cln_min(float a, float b) { return a < b || a != a ? a : b; }
static inline float cln_pow(float a, float b) { return powf(a, b); }
static inline float cln_fmod(float a, float b) { return fmodf(a, b); }
static inline float cln_mod(float a, float b) {
  const float r = fmodf(a, b);
  return r != 0.0f && (r < 0.0f) != (b < 0.0f) ? r + b : r;
}
static inline float cln_sin(float x) { return sinf(x); }
static inline float cln_cos(float x) { return cosf(x); }
static inline float cln_tan(float x) { return tanf(x); }
static inline float cln_asin(float x) { return asinf(x); }
static inline float cln_acos(float x) { return acosf(x); }
static inline float cln_atan(float x) { return atanf(x); }
static inline float cln_sinh(float x) { return sinhf(x); }
static inline float cln_cosh(float x) { return coshf(x); }
static inline float cln_asinh(float x) { return asinhf(x); }
static inline float cln_acosh(float x) { return acoshf(x); }
static inline float cln_atanh(float x) { return atanhf(x); }
static inline float cln_isnan(float x) { return (float)(x != x); }
static inline float cln_isinf(float x) { return (float)(x == INFINITY || x == -INFINITY); }

static inline float cln_sigmoid(float x) { return 1.0f / (1.0f + cln_exp(-x)); }

/* Both values are computed, so that loops have no branch. */
static inline float cln_choose(bool first, float a, float b) { return first ? a : b; }

/* Rows of an activation: from x + x_rows[r] to y + y_rows[r], which may be the same place. */
typedef struct {
  float *y;
  const float *x;
  const int64_t *y_rows, *x_rows;
  int32_t count;
} cln_act_rows;

/* Blocks are computed whole before they are stored: a compiler that fears that y and x overlap vectorises nothing. What
 * is left of a row is a block of its own, as rows of strips are short. A file may ask for shorter blocks. */
#ifndef CLN_ACT_BLOCK
#define CLN_ACT_BLOCK 16
#endif
#define CLN_ACT_ROWS(value_of_xi)                                                                       \
  for (int32_t r = 0; r < rows.count; ++r) {                                                            \
    const float *x = rows.x + rows.x_rows[r];                                                           \
    float *y = rows.y + rows.y_rows[r], made[CLN_ACT_BLOCK];                                            \
    int64_t left = n;                                                                                   \
    for (; left >= CLN_ACT_BLOCK; left -= CLN_ACT_BLOCK, x += CLN_ACT_BLOCK, y += CLN_ACT_BLOCK) {      \
      for (int i = 0; i < CLN_ACT_BLOCK; ++i) made[i] = value_of_xi;                                    \
      memcpy(y, made, sizeof made);                                                                     \
    }                                                                                                   \
    if (left > 0) {                                                                                     \
      float rest[CLN_ACT_BLOCK] = {0};                                                                  \
      memcpy(rest, x, (size_t)left * sizeof *x);                                                        \
      x = rest;                                                                                         \
      for (int i = 0; i < CLN_ACT_BLOCK; ++i) made[i] = value_of_xi;                                    \
      memcpy(y, made, (size_t)left * sizeof *x);                                                        \
    }                                                                                                   \
  }

#include "activations.h" /* cln_act_loop: generated from the rows of graph/activations.py */

/* y[i] = act(y[i]) for n elements. */
static inline void cln_activate(float *y, int64_t n, cln_act act) {
  const int64_t first = 0;
  if (act.kind != CLN_ACT_CLAMP || act.lo != -INFINITY || act.hi != INFINITY)
    cln_act_loop((cln_act_rows){y, y, &first, &first, 1}, n, act);
}
