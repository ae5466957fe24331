static void depthwise_f32_3s2_2x2v__avx512(const cln_window *a) {
  const int64_t y_pitch = a->y_pitch;
  const __m512 w0 = _mm512_set1_ps(a->w[0]);
  const __m512 w1 = _mm512_set1_ps(a->w[1]);
  const __m512 w2 = _mm512_set1_ps(a->w[2]);
  const __m512 w3 = _mm512_set1_ps(a->w[3]);
  const __m512 w4 = _mm512_set1_ps(a->w[4]);
  const __m512 w5 = _mm512_set1_ps(a->w[5]);
  const __m512 w6 = _mm512_set1_ps(a->w[6]);
  const __m512 w7 = _mm512_set1_ps(a->w[7]);
  const __m512 w8 = _mm512_set1_ps(a->w[8]);
  const __m512 bias = _mm512_set1_ps(a->bias);
  for (size_t p = 0; p < a->count; p += 16) {
    const int64_t first = (int64_t)p * 2 - a->pad;
    const uint32_t in0_0 = cln_within(first + 0, a->n, 16);
    const uint32_t in0_1 = cln_within(first + 16, a->n, 16);
    const uint32_t in0_2 = cln_within(first + 2, a->n, 16);
    const uint32_t in0_3 = cln_within(first + 18, a->n, 16);
    const uint32_t out0 = cln_within((int64_t)p + 0, (int64_t)a->count, 16);
    for (int32_t line = 0;;) {
      __m512 c0_0, c1_0;
      const float *const *lines = a->lines_of_x + line * 2;
      {
        const float *row = lines[0] + first;
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_0, row + 0);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_1, row + 16);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c0_0 = _mm512_mul_ps(w0, x0);
          }
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            c0_0 = _mm512_fmadd_ps(w1, x0, c0_0);
          }
        }
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_2, row + 2);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_3, row + 18);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c0_0 = _mm512_fmadd_ps(w2, x0, c0_0);
          }
        }
      }
      {
        const float *row = lines[1] + first;
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_0, row + 0);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_1, row + 16);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c0_0 = _mm512_fmadd_ps(w3, x0, c0_0);
          }
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            c0_0 = _mm512_fmadd_ps(w4, x0, c0_0);
          }
        }
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_2, row + 2);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_3, row + 18);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c0_0 = _mm512_fmadd_ps(w5, x0, c0_0);
          }
        }
      }
      {
        const float *row = lines[2] + first;
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_0, row + 0);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_1, row + 16);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c0_0 = _mm512_fmadd_ps(w6, x0, c0_0);
            c1_0 = _mm512_mul_ps(w0, x0);
          }
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            c0_0 = _mm512_fmadd_ps(w7, x0, c0_0);
            c1_0 = _mm512_fmadd_ps(w1, x0, c1_0);
          }
        }
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_2, row + 2);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_3, row + 18);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c0_0 = _mm512_fmadd_ps(w8, x0, c0_0);
            c1_0 = _mm512_fmadd_ps(w2, x0, c1_0);
          }
        }
      }
      {
        const float *row = lines[3] + first;
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_0, row + 0);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_1, row + 16);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c1_0 = _mm512_fmadd_ps(w3, x0, c1_0);
          }
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            c1_0 = _mm512_fmadd_ps(w4, x0, c1_0);
          }
        }
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_2, row + 2);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_3, row + 18);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c1_0 = _mm512_fmadd_ps(w5, x0, c1_0);
          }
        }
      }
      {
        const float *row = lines[4] + first;
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_0, row + 0);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_1, row + 16);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c1_0 = _mm512_fmadd_ps(w6, x0, c1_0);
          }
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            c1_0 = _mm512_fmadd_ps(w7, x0, c1_0);
          }
        }
        {
          const __m512 x0_0 = _mm512_maskz_loadu_ps((__mmask16)in0_2, row + 2);
          const __m512 x0_1 = _mm512_maskz_loadu_ps((__mmask16)in0_3, row + 18);
          {
            const __m512 x0 = __builtin_shufflevector(x0_0, x0_1, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            c1_0 = _mm512_fmadd_ps(w8, x0, c1_0);
          }
        }
      }
      c0_0 = _mm512_add_ps(bias, c0_0);
      c1_0 = _mm512_add_ps(bias, c1_0);
      {
        if (a->lo != -__builtin_inff()) {
          const __m512 lo = _mm512_set1_ps(a->lo);
          c0_0 = _mm512_max_ps(lo, c0_0);
          c1_0 = _mm512_max_ps(lo, c1_0);
        }
        if (a->hi != __builtin_inff()) {
          const __m512 hi = _mm512_set1_ps(a->hi);
          c0_0 = _mm512_min_ps(hi, c0_0);
          c1_0 = _mm512_min_ps(hi, c1_0);
        }
      }
      float *y = a->y + line * y_pitch + p;
      _mm512_mask_storeu_ps(y + 0 * y_pitch + 0, (__mmask16)out0, c0_0);
      _mm512_mask_storeu_ps(y + 1 * y_pitch + 0, (__mmask16)out0, c1_0);
      if (line + 2 >= a->lines) break;
      line = line + 4 <= a->lines ? line + 2 : a->lines - 2;
    }
  }
}
