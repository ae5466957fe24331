static void fused_f32_8x2v4__avx512(const cln_strip_args *a) {
  {
    const char *restrict x = (const char *)(a->x);
    const float *restrict w = a->w;
    const int32_t *restrict off = a->off;
    size_t n = a->n;
    __m512 c0_0, c1_0, c2_0, c3_0, c4_0, c5_0, c6_0, c7_0;
    __m512 s0 = _mm512_set1_ps(0.0f);
    __m512 s2 = _mm512_set1_ps(0.0f);
    static const float none[8] = {0.0f};
    const float *bias = a->bias ? a->bias : none;
    const float *start = a->c ? a->c : a->r;
    const int64_t *start_rows = a->c ? a->c_rows : a->r_rows;
    if (a->c || a->r) {
      c0_0 = _mm512_loadu_ps(start + start_rows[0] + 0);
      c1_0 = _mm512_loadu_ps(start + start_rows[1] + 0);
      c2_0 = _mm512_loadu_ps(start + start_rows[2] + 0);
      c3_0 = _mm512_loadu_ps(start + start_rows[3] + 0);
      c4_0 = _mm512_loadu_ps(start + start_rows[4] + 0);
      c5_0 = _mm512_loadu_ps(start + start_rows[5] + 0);
      c6_0 = _mm512_loadu_ps(start + start_rows[6] + 0);
      c7_0 = _mm512_loadu_ps(start + start_rows[7] + 0);
    } else if (n && !a->lane_masks) {
      const float *row = (const float *)(x + off[0]);
      const __m512 x0 = _mm512_loadu_ps(row + 0);
      const __m512 w0 = _mm512_set1_ps(w[0]);
      c0_0 = _mm512_fmadd_ps(w0, x0, _mm512_set1_ps(bias[0]));
      const __m512 w1 = _mm512_set1_ps(w[1]);
      c1_0 = _mm512_fmadd_ps(w1, x0, _mm512_set1_ps(bias[1]));
      const __m512 w2 = _mm512_set1_ps(w[2]);
      c2_0 = _mm512_fmadd_ps(w2, x0, _mm512_set1_ps(bias[2]));
      const __m512 w3 = _mm512_set1_ps(w[3]);
      c3_0 = _mm512_fmadd_ps(w3, x0, _mm512_set1_ps(bias[3]));
      const __m512 w4 = _mm512_set1_ps(w[4]);
      c4_0 = _mm512_fmadd_ps(w4, x0, _mm512_set1_ps(bias[4]));
      const __m512 w5 = _mm512_set1_ps(w[5]);
      c5_0 = _mm512_fmadd_ps(w5, x0, _mm512_set1_ps(bias[5]));
      const __m512 w6 = _mm512_set1_ps(w[6]);
      c6_0 = _mm512_fmadd_ps(w6, x0, _mm512_set1_ps(bias[6]));
      const __m512 w7 = _mm512_set1_ps(w[7]);
      c7_0 = _mm512_fmadd_ps(w7, x0, _mm512_set1_ps(bias[7]));
      {
        const float *last = row + 16;
        const __m256 some = _mm256_maskz_loadu_ps((__mmask8)15, last);
        const __m512 both = _mm512_broadcast_f32x8(_mm256_loadu_ps(w + 0));
        s0 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), s0);
        s2 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3), s2);
      }
      ++off, w += 8, --n;
    } else {
      c0_0 = _mm512_set1_ps(bias[0]);
      c1_0 = _mm512_set1_ps(bias[1]);
      c2_0 = _mm512_set1_ps(bias[2]);
      c3_0 = _mm512_set1_ps(bias[3]);
      c4_0 = _mm512_set1_ps(bias[4]);
      c5_0 = _mm512_set1_ps(bias[5]);
      c6_0 = _mm512_set1_ps(bias[6]);
      c7_0 = _mm512_set1_ps(bias[7]);
    }
    if (a->lane_masks) {
      const uint8_t *restrict masks = a->lane_masks, *restrict taps = a->taps;
      for (; n >= 2; n -= 2) {
        _mm_prefetch((const char *)(w + 512), _MM_HINT_T0);
        {
          const float *row = (const float *)(x + off[0]);
          _mm_prefetch((const char *)((const float *)(x + off[8]) + 0), _MM_HINT_T0);
          _mm_prefetch((const char *)((const float *)(x + off[8]) + 16), _MM_HINT_T0);
          const uint8_t *lanes = masks + taps[0] * CLN_LANE_MASK_BYTES;
          const __m512 x0 = _mm512_maskz_loadu_ps((__mmask16)cln_bits(lanes + 0, 16), row + 0);
          const __m512 w0 = _mm512_set1_ps(w[0]);
          c0_0 = _mm512_fmadd_ps(w0, x0, c0_0);
          const __m512 w1 = _mm512_set1_ps(w[1]);
          c1_0 = _mm512_fmadd_ps(w1, x0, c1_0);
          const __m512 w2 = _mm512_set1_ps(w[2]);
          c2_0 = _mm512_fmadd_ps(w2, x0, c2_0);
          const __m512 w3 = _mm512_set1_ps(w[3]);
          c3_0 = _mm512_fmadd_ps(w3, x0, c3_0);
          const __m512 w4 = _mm512_set1_ps(w[4]);
          c4_0 = _mm512_fmadd_ps(w4, x0, c4_0);
          const __m512 w5 = _mm512_set1_ps(w[5]);
          c5_0 = _mm512_fmadd_ps(w5, x0, c5_0);
          const __m512 w6 = _mm512_set1_ps(w[6]);
          c6_0 = _mm512_fmadd_ps(w6, x0, c6_0);
          const __m512 w7 = _mm512_set1_ps(w[7]);
          c7_0 = _mm512_fmadd_ps(w7, x0, c7_0);
          {
            const float *last = row + 16;
            const __m256 some = _mm256_maskz_loadu_ps((__mmask8)lanes[2], last);
            const __m512 both = _mm512_broadcast_f32x8(_mm256_loadu_ps(w + 0));
            s0 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), s0);
            s2 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3), s2);
          }
        }
        {
          const float *row = (const float *)(x + off[1]);
          _mm_prefetch((const char *)((const float *)(x + off[9]) + 0), _MM_HINT_T0);
          _mm_prefetch((const char *)((const float *)(x + off[9]) + 16), _MM_HINT_T0);
          const uint8_t *lanes = masks + taps[1] * CLN_LANE_MASK_BYTES;
          const __m512 x0 = _mm512_maskz_loadu_ps((__mmask16)cln_bits(lanes + 0, 16), row + 0);
          const __m512 w0 = _mm512_set1_ps(w[8]);
          c0_0 = _mm512_fmadd_ps(w0, x0, c0_0);
          const __m512 w1 = _mm512_set1_ps(w[9]);
          c1_0 = _mm512_fmadd_ps(w1, x0, c1_0);
          const __m512 w2 = _mm512_set1_ps(w[10]);
          c2_0 = _mm512_fmadd_ps(w2, x0, c2_0);
          const __m512 w3 = _mm512_set1_ps(w[11]);
          c3_0 = _mm512_fmadd_ps(w3, x0, c3_0);
          const __m512 w4 = _mm512_set1_ps(w[12]);
          c4_0 = _mm512_fmadd_ps(w4, x0, c4_0);
          const __m512 w5 = _mm512_set1_ps(w[13]);
          c5_0 = _mm512_fmadd_ps(w5, x0, c5_0);
          const __m512 w6 = _mm512_set1_ps(w[14]);
          c6_0 = _mm512_fmadd_ps(w6, x0, c6_0);
          const __m512 w7 = _mm512_set1_ps(w[15]);
          c7_0 = _mm512_fmadd_ps(w7, x0, c7_0);
          {
            const float *last = row + 16;
            const __m256 some = _mm256_maskz_loadu_ps((__mmask8)lanes[2], last);
            const __m512 both = _mm512_broadcast_f32x8(_mm256_loadu_ps(w + 8));
            s0 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), s0);
            s2 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3), s2);
          }
        }
        off += 2;
        taps += 2;
        w += 16;
      }
      for (; n != 0; --n) {
        _mm_prefetch((const char *)(w + 512), _MM_HINT_T0);
        {
          const float *row = (const float *)(x + off[0]);
          _mm_prefetch((const char *)((const float *)(x + off[8]) + 0), _MM_HINT_T0);
          _mm_prefetch((const char *)((const float *)(x + off[8]) + 16), _MM_HINT_T0);
          const uint8_t *lanes = masks + taps[0] * CLN_LANE_MASK_BYTES;
          const __m512 x0 = _mm512_maskz_loadu_ps((__mmask16)cln_bits(lanes + 0, 16), row + 0);
          const __m512 w0 = _mm512_set1_ps(w[0]);
          c0_0 = _mm512_fmadd_ps(w0, x0, c0_0);
          const __m512 w1 = _mm512_set1_ps(w[1]);
          c1_0 = _mm512_fmadd_ps(w1, x0, c1_0);
          const __m512 w2 = _mm512_set1_ps(w[2]);
          c2_0 = _mm512_fmadd_ps(w2, x0, c2_0);
          const __m512 w3 = _mm512_set1_ps(w[3]);
          c3_0 = _mm512_fmadd_ps(w3, x0, c3_0);
          const __m512 w4 = _mm512_set1_ps(w[4]);
          c4_0 = _mm512_fmadd_ps(w4, x0, c4_0);
          const __m512 w5 = _mm512_set1_ps(w[5]);
          c5_0 = _mm512_fmadd_ps(w5, x0, c5_0);
          const __m512 w6 = _mm512_set1_ps(w[6]);
          c6_0 = _mm512_fmadd_ps(w6, x0, c6_0);
          const __m512 w7 = _mm512_set1_ps(w[7]);
          c7_0 = _mm512_fmadd_ps(w7, x0, c7_0);
          {
            const float *last = row + 16;
            const __m256 some = _mm256_maskz_loadu_ps((__mmask8)lanes[2], last);
            const __m512 both = _mm512_broadcast_f32x8(_mm256_loadu_ps(w + 0));
            s0 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), s0);
            s2 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3), s2);
          }
        }
        off += 1;
        taps += 1;
        w += 8;
      }
    } else {
      for (; n >= 2; n -= 2) {
        _mm_prefetch((const char *)(w + 512), _MM_HINT_T0);
        {
          const float *row = (const float *)(x + off[0]);
          _mm_prefetch((const char *)((const float *)(x + off[8]) + 0), _MM_HINT_T0);
          _mm_prefetch((const char *)((const float *)(x + off[8]) + 16), _MM_HINT_T0);
          const __m512 x0 = _mm512_loadu_ps(row + 0);
          const __m512 w0 = _mm512_set1_ps(w[0]);
          c0_0 = _mm512_fmadd_ps(w0, x0, c0_0);
          const __m512 w1 = _mm512_set1_ps(w[1]);
          c1_0 = _mm512_fmadd_ps(w1, x0, c1_0);
          const __m512 w2 = _mm512_set1_ps(w[2]);
          c2_0 = _mm512_fmadd_ps(w2, x0, c2_0);
          const __m512 w3 = _mm512_set1_ps(w[3]);
          c3_0 = _mm512_fmadd_ps(w3, x0, c3_0);
          const __m512 w4 = _mm512_set1_ps(w[4]);
          c4_0 = _mm512_fmadd_ps(w4, x0, c4_0);
          const __m512 w5 = _mm512_set1_ps(w[5]);
          c5_0 = _mm512_fmadd_ps(w5, x0, c5_0);
          const __m512 w6 = _mm512_set1_ps(w[6]);
          c6_0 = _mm512_fmadd_ps(w6, x0, c6_0);
          const __m512 w7 = _mm512_set1_ps(w[7]);
          c7_0 = _mm512_fmadd_ps(w7, x0, c7_0);
          {
            const float *last = row + 16;
            const __m256 some = _mm256_maskz_loadu_ps((__mmask8)15, last);
            const __m512 both = _mm512_broadcast_f32x8(_mm256_loadu_ps(w + 0));
            s0 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), s0);
            s2 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3), s2);
          }
        }
        {
          const float *row = (const float *)(x + off[1]);
          _mm_prefetch((const char *)((const float *)(x + off[9]) + 0), _MM_HINT_T0);
          _mm_prefetch((const char *)((const float *)(x + off[9]) + 16), _MM_HINT_T0);
          const __m512 x0 = _mm512_loadu_ps(row + 0);
          const __m512 w0 = _mm512_set1_ps(w[8]);
          c0_0 = _mm512_fmadd_ps(w0, x0, c0_0);
          const __m512 w1 = _mm512_set1_ps(w[9]);
          c1_0 = _mm512_fmadd_ps(w1, x0, c1_0);
          const __m512 w2 = _mm512_set1_ps(w[10]);
          c2_0 = _mm512_fmadd_ps(w2, x0, c2_0);
          const __m512 w3 = _mm512_set1_ps(w[11]);
          c3_0 = _mm512_fmadd_ps(w3, x0, c3_0);
          const __m512 w4 = _mm512_set1_ps(w[12]);
          c4_0 = _mm512_fmadd_ps(w4, x0, c4_0);
          const __m512 w5 = _mm512_set1_ps(w[13]);
          c5_0 = _mm512_fmadd_ps(w5, x0, c5_0);
          const __m512 w6 = _mm512_set1_ps(w[14]);
          c6_0 = _mm512_fmadd_ps(w6, x0, c6_0);
          const __m512 w7 = _mm512_set1_ps(w[15]);
          c7_0 = _mm512_fmadd_ps(w7, x0, c7_0);
          {
            const float *last = row + 16;
            const __m256 some = _mm256_maskz_loadu_ps((__mmask8)15, last);
            const __m512 both = _mm512_broadcast_f32x8(_mm256_loadu_ps(w + 8));
            s0 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), s0);
            s2 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3), s2);
          }
        }
        off += 2;
        w += 16;
      }
      for (; n != 0; --n) {
        _mm_prefetch((const char *)(w + 512), _MM_HINT_T0);
        {
          const float *row = (const float *)(x + off[0]);
          _mm_prefetch((const char *)((const float *)(x + off[8]) + 0), _MM_HINT_T0);
          _mm_prefetch((const char *)((const float *)(x + off[8]) + 16), _MM_HINT_T0);
          const __m512 x0 = _mm512_loadu_ps(row + 0);
          const __m512 w0 = _mm512_set1_ps(w[0]);
          c0_0 = _mm512_fmadd_ps(w0, x0, c0_0);
          const __m512 w1 = _mm512_set1_ps(w[1]);
          c1_0 = _mm512_fmadd_ps(w1, x0, c1_0);
          const __m512 w2 = _mm512_set1_ps(w[2]);
          c2_0 = _mm512_fmadd_ps(w2, x0, c2_0);
          const __m512 w3 = _mm512_set1_ps(w[3]);
          c3_0 = _mm512_fmadd_ps(w3, x0, c3_0);
          const __m512 w4 = _mm512_set1_ps(w[4]);
          c4_0 = _mm512_fmadd_ps(w4, x0, c4_0);
          const __m512 w5 = _mm512_set1_ps(w[5]);
          c5_0 = _mm512_fmadd_ps(w5, x0, c5_0);
          const __m512 w6 = _mm512_set1_ps(w[6]);
          c6_0 = _mm512_fmadd_ps(w6, x0, c6_0);
          const __m512 w7 = _mm512_set1_ps(w[7]);
          c7_0 = _mm512_fmadd_ps(w7, x0, c7_0);
          {
            const float *last = row + 16;
            const __m256 some = _mm256_maskz_loadu_ps((__mmask8)15, last);
            const __m512 both = _mm512_broadcast_f32x8(_mm256_loadu_ps(w + 0));
            s0 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), s0);
            s2 = _mm512_fmadd_ps(both, __builtin_shufflevector(some, some, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3), s2);
          }
        }
        off += 1;
        w += 8;
      }
    }
    _mm512_storeu_ps(a->tail + 0, s0);
    _mm512_storeu_ps(a->tail + 16, s2);
    if (a->c && a->r) {
      const float *r = a->r;
      c0_0 = _mm512_add_ps(c0_0, _mm512_loadu_ps(r + a->r_rows[0] + 0));
      c1_0 = _mm512_add_ps(c1_0, _mm512_loadu_ps(r + a->r_rows[1] + 0));
      c2_0 = _mm512_add_ps(c2_0, _mm512_loadu_ps(r + a->r_rows[2] + 0));
      c3_0 = _mm512_add_ps(c3_0, _mm512_loadu_ps(r + a->r_rows[3] + 0));
      c4_0 = _mm512_add_ps(c4_0, _mm512_loadu_ps(r + a->r_rows[4] + 0));
      c5_0 = _mm512_add_ps(c5_0, _mm512_loadu_ps(r + a->r_rows[5] + 0));
      c6_0 = _mm512_add_ps(c6_0, _mm512_loadu_ps(r + a->r_rows[6] + 0));
      c7_0 = _mm512_add_ps(c7_0, _mm512_loadu_ps(r + a->r_rows[7] + 0));
    }
    if (a->bias && (a->c || a->r)) {
      const __m512 b0 = _mm512_set1_ps(a->bias[0]);
      c0_0 = _mm512_add_ps(b0, c0_0);
      const __m512 b1 = _mm512_set1_ps(a->bias[1]);
      c1_0 = _mm512_add_ps(b1, c1_0);
      const __m512 b2 = _mm512_set1_ps(a->bias[2]);
      c2_0 = _mm512_add_ps(b2, c2_0);
      const __m512 b3 = _mm512_set1_ps(a->bias[3]);
      c3_0 = _mm512_add_ps(b3, c3_0);
      const __m512 b4 = _mm512_set1_ps(a->bias[4]);
      c4_0 = _mm512_add_ps(b4, c4_0);
      const __m512 b5 = _mm512_set1_ps(a->bias[5]);
      c5_0 = _mm512_add_ps(b5, c5_0);
      const __m512 b6 = _mm512_set1_ps(a->bias[6]);
      c6_0 = _mm512_add_ps(b6, c6_0);
      const __m512 b7 = _mm512_set1_ps(a->bias[7]);
      c7_0 = _mm512_add_ps(b7, c7_0);
    }
    {
      if (a->lo != -__builtin_inff()) {
        const __m512 lo = _mm512_set1_ps(a->lo);
        c0_0 = _mm512_max_ps(lo, c0_0);
        c1_0 = _mm512_max_ps(lo, c1_0);
        c2_0 = _mm512_max_ps(lo, c2_0);
        c3_0 = _mm512_max_ps(lo, c3_0);
        c4_0 = _mm512_max_ps(lo, c4_0);
        c5_0 = _mm512_max_ps(lo, c5_0);
        c6_0 = _mm512_max_ps(lo, c6_0);
        c7_0 = _mm512_max_ps(lo, c7_0);
      }
      if (a->hi != __builtin_inff()) {
        const __m512 hi = _mm512_set1_ps(a->hi);
        c0_0 = _mm512_min_ps(hi, c0_0);
        c1_0 = _mm512_min_ps(hi, c1_0);
        c2_0 = _mm512_min_ps(hi, c2_0);
        c3_0 = _mm512_min_ps(hi, c3_0);
        c4_0 = _mm512_min_ps(hi, c4_0);
        c5_0 = _mm512_min_ps(hi, c5_0);
        c6_0 = _mm512_min_ps(hi, c6_0);
        c7_0 = _mm512_min_ps(hi, c7_0);
      }
    }
    float *y = a->y;
    const int64_t *y_rows = a->y_rows;  /* a local: the stores below might change a->y_rows, for all C knows */
    _mm512_storeu_ps(y + y_rows[0] + 0, c0_0);
    _mm512_storeu_ps(y + y_rows[1] + 0, c1_0);
    _mm512_storeu_ps(y + y_rows[2] + 0, c2_0);
    _mm512_storeu_ps(y + y_rows[3] + 0, c3_0);
    _mm512_storeu_ps(y + y_rows[4] + 0, c4_0);
    _mm512_storeu_ps(y + y_rows[5] + 0, c5_0);
    _mm512_storeu_ps(y + y_rows[6] + 0, c6_0);
    _mm512_storeu_ps(y + y_rows[7] + 0, c7_0);
  }
}
