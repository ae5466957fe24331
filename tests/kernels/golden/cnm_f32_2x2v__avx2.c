static void cnm_f32_2x2v__avx2(const cln_strip_args *a) {
  {
    const char *restrict x = (const char *)(a->x);
    const float *restrict w = a->w;
    const int32_t *restrict off = a->off;
    size_t n = a->n;
    __m256 c0_0, c1_0;
    __m256 c0_1, c1_1;
    static const float none[2] = {0.0f};
    const float *bias = a->bias ? a->bias : none;
    const float *start = a->c ? a->c : a->r;
    const int64_t *start_rows = a->c ? a->c_rows : a->r_rows;
    if (a->c || a->r) {
      c0_0 = _mm256_loadu_ps(start + start_rows[0] + 0);
      c0_1 = _mm256_loadu_ps(start + start_rows[0] + 8);
      c1_0 = _mm256_loadu_ps(start + start_rows[1] + 0);
      c1_1 = _mm256_loadu_ps(start + start_rows[1] + 8);
    } else if (n) {
      const float *row = (const float *)(x + off[0]);
      const __m256 x0 = _mm256_loadu_ps(row + 0);
      const __m256 x1 = _mm256_loadu_ps(row + 8);
      const __m256 w0 = _mm256_set1_ps(w[0]);
      c0_0 = _mm256_fmadd_ps(w0, x0, _mm256_set1_ps(bias[0]));
      c0_1 = _mm256_fmadd_ps(w0, x1, _mm256_set1_ps(bias[0]));
      const __m256 w1 = _mm256_set1_ps(w[1]);
      c1_0 = _mm256_fmadd_ps(w1, x0, _mm256_set1_ps(bias[1]));
      c1_1 = _mm256_fmadd_ps(w1, x1, _mm256_set1_ps(bias[1]));
      ++off, w += 2, --n;
    } else {
      c0_0 = _mm256_set1_ps(bias[0]);
      c0_1 = _mm256_set1_ps(bias[0]);
      c1_0 = _mm256_set1_ps(bias[1]);
      c1_1 = _mm256_set1_ps(bias[1]);
    }
    for (; n >= 2; n -= 2) {
      _mm_prefetch((const char *)(w + 512), _MM_HINT_T0);
      {
        const float *row = (const float *)(x + off[0]);
        _mm_prefetch((const char *)((const float *)(x + off[8]) + 0), _MM_HINT_T0);
        const __m256 x0 = _mm256_loadu_ps(row + 0);
        const __m256 x1 = _mm256_loadu_ps(row + 8);
        const __m256 w0 = _mm256_set1_ps(w[0]);
        c0_0 = _mm256_fmadd_ps(w0, x0, c0_0);
        c0_1 = _mm256_fmadd_ps(w0, x1, c0_1);
        const __m256 w1 = _mm256_set1_ps(w[1]);
        c1_0 = _mm256_fmadd_ps(w1, x0, c1_0);
        c1_1 = _mm256_fmadd_ps(w1, x1, c1_1);
      }
      {
        const float *row = (const float *)(x + off[1]);
        _mm_prefetch((const char *)((const float *)(x + off[9]) + 0), _MM_HINT_T0);
        const __m256 x0 = _mm256_loadu_ps(row + 0);
        const __m256 x1 = _mm256_loadu_ps(row + 8);
        const __m256 w0 = _mm256_set1_ps(w[2]);
        c0_0 = _mm256_fmadd_ps(w0, x0, c0_0);
        c0_1 = _mm256_fmadd_ps(w0, x1, c0_1);
        const __m256 w1 = _mm256_set1_ps(w[3]);
        c1_0 = _mm256_fmadd_ps(w1, x0, c1_0);
        c1_1 = _mm256_fmadd_ps(w1, x1, c1_1);
      }
      off += 2;
      w += 4;
    }
    for (; n != 0; --n) {
      _mm_prefetch((const char *)(w + 512), _MM_HINT_T0);
      {
        const float *row = (const float *)(x + off[0]);
        _mm_prefetch((const char *)((const float *)(x + off[8]) + 0), _MM_HINT_T0);
        const __m256 x0 = _mm256_loadu_ps(row + 0);
        const __m256 x1 = _mm256_loadu_ps(row + 8);
        const __m256 w0 = _mm256_set1_ps(w[0]);
        c0_0 = _mm256_fmadd_ps(w0, x0, c0_0);
        c0_1 = _mm256_fmadd_ps(w0, x1, c0_1);
        const __m256 w1 = _mm256_set1_ps(w[1]);
        c1_0 = _mm256_fmadd_ps(w1, x0, c1_0);
        c1_1 = _mm256_fmadd_ps(w1, x1, c1_1);
      }
      off += 1;
      w += 2;
    }
    if (a->c && a->r) {
      const float *r = a->r;
      c0_0 = _mm256_add_ps(c0_0, _mm256_loadu_ps(r + a->r_rows[0] + 0));
      c0_1 = _mm256_add_ps(c0_1, _mm256_loadu_ps(r + a->r_rows[0] + 8));
      c1_0 = _mm256_add_ps(c1_0, _mm256_loadu_ps(r + a->r_rows[1] + 0));
      c1_1 = _mm256_add_ps(c1_1, _mm256_loadu_ps(r + a->r_rows[1] + 8));
    }
    if (a->bias && (a->c || a->r)) {
      const __m256 b0 = _mm256_set1_ps(a->bias[0]);
      c0_0 = _mm256_add_ps(b0, c0_0);
      c0_1 = _mm256_add_ps(b0, c0_1);
      const __m256 b1 = _mm256_set1_ps(a->bias[1]);
      c1_0 = _mm256_add_ps(b1, c1_0);
      c1_1 = _mm256_add_ps(b1, c1_1);
    }
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
    float *y = a->y;
    const int64_t *y_rows = a->y_rows;  /* a local: the stores below might change a->y_rows, for all C knows */
    _mm256_storeu_ps(y + y_rows[0] + 0, c0_0);
    _mm256_storeu_ps(y + y_rows[0] + 8, c0_1);
    _mm256_storeu_ps(y + y_rows[1] + 0, c1_0);
    _mm256_storeu_ps(y + y_rows[1] + 8, c1_1);
  }
}
