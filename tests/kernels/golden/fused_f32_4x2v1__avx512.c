static void fused_f32_4x2v1__avx512(const cln_strip_args *a) {
  {
    const char *restrict x = (const char *)(a->x);
    const float *restrict w = a->w;
    const int32_t *restrict off = a->off;
    size_t n = a->n;
    __m512 c0_0, c1_0, c2_0, c3_0;
    __m256 s0 = _mm256_set1_ps(0.0f);
    static const float none[4] = {0.0f};
    const float *bias = a->bias ? a->bias : none;
    const float *start = a->c ? a->c : a->r;
    const int64_t *start_rows = a->c ? a->c_rows : a->r_rows;
    if (a->c || a->r) {
      c0_0 = _mm512_loadu_ps(start + start_rows[0] + 0);
      c1_0 = _mm512_loadu_ps(start + start_rows[1] + 0);
      c2_0 = _mm512_loadu_ps(start + start_rows[2] + 0);
      c3_0 = _mm512_loadu_ps(start + start_rows[3] + 0);
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
      {
        const float *last = row + 16;
        const __m256 w0 = _mm256_loadu_ps(w + 0);
        const __m256 x0 = _mm256_set1_ps(last[0]);
        s0 = _mm256_fmadd_ps(x0, w0, s0);
      }
      ++off, w += 4, --n;
    } else {
      c0_0 = _mm512_set1_ps(bias[0]);
      c1_0 = _mm512_set1_ps(bias[1]);
      c2_0 = _mm512_set1_ps(bias[2]);
      c3_0 = _mm512_set1_ps(bias[3]);
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
          {
            const float *last = row + 16;
            const __m256 w0 = _mm256_loadu_ps(w + 0);
            const __m128 some = _mm_maskz_loadu_ps((__mmask8)lanes[2], last);
            const __m256 x0 = _mm256_broadcastss_ps(some);
            s0 = _mm256_fmadd_ps(x0, w0, s0);
          }
        }
        {
          const float *row = (const float *)(x + off[1]);
          _mm_prefetch((const char *)((const float *)(x + off[9]) + 0), _MM_HINT_T0);
          _mm_prefetch((const char *)((const float *)(x + off[9]) + 16), _MM_HINT_T0);
          const uint8_t *lanes = masks + taps[1] * CLN_LANE_MASK_BYTES;
          const __m512 x0 = _mm512_maskz_loadu_ps((__mmask16)cln_bits(lanes + 0, 16), row + 0);
          const __m512 w0 = _mm512_set1_ps(w[4]);
          c0_0 = _mm512_fmadd_ps(w0, x0, c0_0);
          const __m512 w1 = _mm512_set1_ps(w[5]);
          c1_0 = _mm512_fmadd_ps(w1, x0, c1_0);
          const __m512 w2 = _mm512_set1_ps(w[6]);
          c2_0 = _mm512_fmadd_ps(w2, x0, c2_0);
          const __m512 w3 = _mm512_set1_ps(w[7]);
          c3_0 = _mm512_fmadd_ps(w3, x0, c3_0);
          {
            const float *last = row + 16;
            const __m256 w0 = _mm256_loadu_ps(w + 4);
            const __m128 some = _mm_maskz_loadu_ps((__mmask8)lanes[2], last);
            const __m256 x0 = _mm256_broadcastss_ps(some);
            s0 = _mm256_fmadd_ps(x0, w0, s0);
          }
        }
        off += 2;
        taps += 2;
        w += 8;
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
          {
            const float *last = row + 16;
            const __m256 w0 = _mm256_loadu_ps(w + 0);
            const __m128 some = _mm_maskz_loadu_ps((__mmask8)lanes[2], last);
            const __m256 x0 = _mm256_broadcastss_ps(some);
            s0 = _mm256_fmadd_ps(x0, w0, s0);
          }
        }
        off += 1;
        taps += 1;
        w += 4;
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
          {
            const float *last = row + 16;
            const __m256 w0 = _mm256_loadu_ps(w + 0);
            const __m256 x0 = _mm256_set1_ps(last[0]);
            s0 = _mm256_fmadd_ps(x0, w0, s0);
          }
        }
        {
          const float *row = (const float *)(x + off[1]);
          _mm_prefetch((const char *)((const float *)(x + off[9]) + 0), _MM_HINT_T0);
          _mm_prefetch((const char *)((const float *)(x + off[9]) + 16), _MM_HINT_T0);
          const __m512 x0 = _mm512_loadu_ps(row + 0);
          const __m512 w0 = _mm512_set1_ps(w[4]);
          c0_0 = _mm512_fmadd_ps(w0, x0, c0_0);
          const __m512 w1 = _mm512_set1_ps(w[5]);
          c1_0 = _mm512_fmadd_ps(w1, x0, c1_0);
          const __m512 w2 = _mm512_set1_ps(w[6]);
          c2_0 = _mm512_fmadd_ps(w2, x0, c2_0);
          const __m512 w3 = _mm512_set1_ps(w[7]);
          c3_0 = _mm512_fmadd_ps(w3, x0, c3_0);
          {
            const float *last = row + 16;
            const __m256 w0 = _mm256_loadu_ps(w + 4);
            const __m256 x0 = _mm256_set1_ps(last[0]);
            s0 = _mm256_fmadd_ps(x0, w0, s0);
          }
        }
        off += 2;
        w += 8;
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
          {
            const float *last = row + 16;
            const __m256 w0 = _mm256_loadu_ps(w + 0);
            const __m256 x0 = _mm256_set1_ps(last[0]);
            s0 = _mm256_fmadd_ps(x0, w0, s0);
          }
        }
        off += 1;
        w += 4;
      }
    }
    _mm256_storeu_ps(a->tail + 0, s0);
    if (a->c && a->r) {
      const float *r = a->r;
      c0_0 = _mm512_add_ps(c0_0, _mm512_loadu_ps(r + a->r_rows[0] + 0));
      c1_0 = _mm512_add_ps(c1_0, _mm512_loadu_ps(r + a->r_rows[1] + 0));
      c2_0 = _mm512_add_ps(c2_0, _mm512_loadu_ps(r + a->r_rows[2] + 0));
      c3_0 = _mm512_add_ps(c3_0, _mm512_loadu_ps(r + a->r_rows[3] + 0));
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
    }
    {
      if (a->lo != -__builtin_inff()) {
        const __m512 lo = _mm512_set1_ps(a->lo);
        c0_0 = _mm512_max_ps(lo, c0_0);
        c1_0 = _mm512_max_ps(lo, c1_0);
        c2_0 = _mm512_max_ps(lo, c2_0);
        c3_0 = _mm512_max_ps(lo, c3_0);
      }
      if (a->hi != __builtin_inff()) {
        const __m512 hi = _mm512_set1_ps(a->hi);
        c0_0 = _mm512_min_ps(hi, c0_0);
        c1_0 = _mm512_min_ps(hi, c1_0);
        c2_0 = _mm512_min_ps(hi, c2_0);
        c3_0 = _mm512_min_ps(hi, c3_0);
      }
    }
    float *y = a->y;
    const int64_t *y_rows = a->y_rows;  /* a local: the stores below might change a->y_rows, for all C knows */
    _mm512_storeu_ps(y + y_rows[0] + 0, c0_0);
    _mm512_storeu_ps(y + y_rows[1] + 0, c1_0);
    _mm512_storeu_ps(y + y_rows[2] + 0, c2_0);
    _mm512_storeu_ps(y + y_rows[3] + 0, c3_0);
  }
}
