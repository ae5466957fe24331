static void depthwise_f32_3s2_2x2v__avx2(const cln_window *a) {
  const int64_t y_pitch = a->y_pitch;
  const __m256 w0 = _mm256_set1_ps(a->w[0]);
  const __m256 w1 = _mm256_set1_ps(a->w[1]);
  const __m256 w2 = _mm256_set1_ps(a->w[2]);
  const __m256 w3 = _mm256_set1_ps(a->w[3]);
  const __m256 w4 = _mm256_set1_ps(a->w[4]);
  const __m256 w5 = _mm256_set1_ps(a->w[5]);
  const __m256 w6 = _mm256_set1_ps(a->w[6]);
  const __m256 w7 = _mm256_set1_ps(a->w[7]);
  const __m256 w8 = _mm256_set1_ps(a->w[8]);
  const __m256 bias = _mm256_set1_ps(a->bias);
  const int64_t pitch = a->pitch;
  const int64_t odd = a->odd;
  for (size_t p = 0;;) {
    const float *x = a->x + p;
    float *y = a->y + p;
    __m256 c0_0, c1_0;
    __m256 c0_1, c1_1;
    {
      const float *row = x + 0 * pitch + 0 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c0_0 = _mm256_mul_ps(w0, x0);
      c0_1 = _mm256_mul_ps(w0, x1);
    }
    {
      const float *row = x + 0 * pitch + 1 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c0_0 = _mm256_fmadd_ps(w1, x0, c0_0);
      c0_1 = _mm256_fmadd_ps(w1, x1, c0_1);
    }
    {
      const float *row = x + 0 * pitch + 0 * odd + 1;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c0_0 = _mm256_fmadd_ps(w2, x0, c0_0);
      c0_1 = _mm256_fmadd_ps(w2, x1, c0_1);
    }
    {
      const float *row = x + 1 * pitch + 0 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c0_0 = _mm256_fmadd_ps(w3, x0, c0_0);
      c0_1 = _mm256_fmadd_ps(w3, x1, c0_1);
    }
    {
      const float *row = x + 1 * pitch + 1 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c0_0 = _mm256_fmadd_ps(w4, x0, c0_0);
      c0_1 = _mm256_fmadd_ps(w4, x1, c0_1);
    }
    {
      const float *row = x + 1 * pitch + 0 * odd + 1;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c0_0 = _mm256_fmadd_ps(w5, x0, c0_0);
      c0_1 = _mm256_fmadd_ps(w5, x1, c0_1);
    }
    {
      const float *row = x + 2 * pitch + 0 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c0_0 = _mm256_fmadd_ps(w6, x0, c0_0);
      c0_1 = _mm256_fmadd_ps(w6, x1, c0_1);
      c1_0 = _mm256_mul_ps(w0, x0);
      c1_1 = _mm256_mul_ps(w0, x1);
    }
    {
      const float *row = x + 2 * pitch + 1 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c0_0 = _mm256_fmadd_ps(w7, x0, c0_0);
      c0_1 = _mm256_fmadd_ps(w7, x1, c0_1);
      c1_0 = _mm256_fmadd_ps(w1, x0, c1_0);
      c1_1 = _mm256_fmadd_ps(w1, x1, c1_1);
    }
    {
      const float *row = x + 2 * pitch + 0 * odd + 1;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c0_0 = _mm256_fmadd_ps(w8, x0, c0_0);
      c0_1 = _mm256_fmadd_ps(w8, x1, c0_1);
      c1_0 = _mm256_fmadd_ps(w2, x0, c1_0);
      c1_1 = _mm256_fmadd_ps(w2, x1, c1_1);
    }
    {
      const float *row = x + 3 * pitch + 0 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c1_0 = _mm256_fmadd_ps(w3, x0, c1_0);
      c1_1 = _mm256_fmadd_ps(w3, x1, c1_1);
    }
    {
      const float *row = x + 3 * pitch + 1 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c1_0 = _mm256_fmadd_ps(w4, x0, c1_0);
      c1_1 = _mm256_fmadd_ps(w4, x1, c1_1);
    }
    {
      const float *row = x + 3 * pitch + 0 * odd + 1;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c1_0 = _mm256_fmadd_ps(w5, x0, c1_0);
      c1_1 = _mm256_fmadd_ps(w5, x1, c1_1);
    }
    {
      const float *row = x + 4 * pitch + 0 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c1_0 = _mm256_fmadd_ps(w6, x0, c1_0);
      c1_1 = _mm256_fmadd_ps(w6, x1, c1_1);
    }
    {
      const float *row = x + 4 * pitch + 1 * odd + 0;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c1_0 = _mm256_fmadd_ps(w7, x0, c1_0);
      c1_1 = _mm256_fmadd_ps(w7, x1, c1_1);
    }
    {
      const float *row = x + 4 * pitch + 0 * odd + 1;
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      c1_0 = _mm256_fmadd_ps(w8, x0, c1_0);
      c1_1 = _mm256_fmadd_ps(w8, x1, c1_1);
    }
    c0_0 = _mm256_add_ps(bias, c0_0);
    c1_0 = _mm256_add_ps(bias, c1_0);
    c0_1 = _mm256_add_ps(bias, c0_1);
    c1_1 = _mm256_add_ps(bias, c1_1);
    {
      if (a->lo != -__builtin_inff()) {
        const __m256 lo = _mm256_set1_ps(a->lo);
        c0_0 = _mm256_max_ps(lo, c0_0);
        c0_1 = _mm256_max_ps(lo, c0_1);
        c1_0 = _mm256_max_ps(lo, c1_0);
        c1_1 = _mm256_max_ps(lo, c1_1);
      }
      if (a->hi != __builtin_inff()) {
        const __m256 hi = _mm256_set1_ps(a->hi);
        c0_0 = _mm256_min_ps(hi, c0_0);
        c0_1 = _mm256_min_ps(hi, c0_1);
        c1_0 = _mm256_min_ps(hi, c1_0);
        c1_1 = _mm256_min_ps(hi, c1_1);
      }
    }
    _mm256_storeu_ps(y + 0 * y_pitch + 0, c0_0);
    _mm256_storeu_ps(y + 0 * y_pitch + 8, c0_1);
    _mm256_storeu_ps(y + 1 * y_pitch + 0, c1_0);
    _mm256_storeu_ps(y + 1 * y_pitch + 8, c1_1);
    if (p + 16 >= a->count) break;
    p = p + 32 <= a->count ? p + 16 : a->count - 16;
  }
}
