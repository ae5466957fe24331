static void channels_f32_2x2s2__avx2(const cln_channel_args *a) {
  {
    const char *restrict x = (const char *)a->x;
    const float *restrict w = a->w;
    const int32_t *restrict off = a->off;
    size_t n = a->n;
    const int64_t step = a->step;
    const int64_t x_line = a->x_line, y_line = a->y_line;
    const size_t rows = a->count;
    const float *r = a->r;
    float *y = a->y;
    __m256 c0_0, c0_1, c1_0, c1_1, c2_0, c2_1, c3_0, c3_1;
    if (a->c) {
      const float *c = a->c;
      c0_0 = _mm256_loadu_ps(c + 0);
      c0_1 = _mm256_loadu_ps(c + 8);
      c += step;
      c1_0 = _mm256_loadu_ps(c + 0);
      c1_1 = _mm256_loadu_ps(c + 8);
      c += step;
      c2_0 = _mm256_loadu_ps(c + 0);
      c2_1 = _mm256_loadu_ps(c + 8);
      c += step;
      c3_0 = _mm256_loadu_ps(c + 0);
      c3_1 = _mm256_loadu_ps(c + 8);
      c += step;
    } else if (n) {
      {
        const float *row0 = (const float *)(x + off[0]);
        const float *row1 = row0 + x_line;
        const __m256 w0 = _mm256_loadu_ps(w + 0);
        const __m256 w1 = _mm256_loadu_ps(w + 8);
        w += rows;
        const __m256 x0 = _mm256_set1_ps(row0[0]);
        c0_0 = _mm256_mul_ps(x0, w0);
        c0_1 = _mm256_mul_ps(x0, w1);
        const __m256 x1 = _mm256_set1_ps(row0[2]);
        c1_0 = _mm256_mul_ps(x1, w0);
        c1_1 = _mm256_mul_ps(x1, w1);
        const __m256 x2 = _mm256_set1_ps(row1[0]);
        c2_0 = _mm256_mul_ps(x2, w0);
        c2_1 = _mm256_mul_ps(x2, w1);
        const __m256 x3 = _mm256_set1_ps(row1[2]);
        c3_0 = _mm256_mul_ps(x3, w0);
        c3_1 = _mm256_mul_ps(x3, w1);
      }
      ++off, --n;
    } else {
      c0_0 = _mm256_set1_ps(0.0f);
      c0_1 = _mm256_set1_ps(0.0f);
      c1_0 = _mm256_set1_ps(0.0f);
      c1_1 = _mm256_set1_ps(0.0f);
      c2_0 = _mm256_set1_ps(0.0f);
      c2_1 = _mm256_set1_ps(0.0f);
      c3_0 = _mm256_set1_ps(0.0f);
      c3_1 = _mm256_set1_ps(0.0f);
    }
    for (; n >= 2; n -= 2, off += 2) {
      {
        const float *row0 = (const float *)(x + off[0]);
        const float *row1 = row0 + x_line;
        const __m256 w0 = _mm256_loadu_ps(w + 0);
        const __m256 w1 = _mm256_loadu_ps(w + 8);
        w += rows;
        const __m256 x0 = _mm256_set1_ps(row0[0]);
        c0_0 = _mm256_fmadd_ps(x0, w0, c0_0);
        c0_1 = _mm256_fmadd_ps(x0, w1, c0_1);
        const __m256 x1 = _mm256_set1_ps(row0[2]);
        c1_0 = _mm256_fmadd_ps(x1, w0, c1_0);
        c1_1 = _mm256_fmadd_ps(x1, w1, c1_1);
        const __m256 x2 = _mm256_set1_ps(row1[0]);
        c2_0 = _mm256_fmadd_ps(x2, w0, c2_0);
        c2_1 = _mm256_fmadd_ps(x2, w1, c2_1);
        const __m256 x3 = _mm256_set1_ps(row1[2]);
        c3_0 = _mm256_fmadd_ps(x3, w0, c3_0);
        c3_1 = _mm256_fmadd_ps(x3, w1, c3_1);
      }
      {
        const float *row0 = (const float *)(x + off[1]);
        const float *row1 = row0 + x_line;
        const __m256 w0 = _mm256_loadu_ps(w + 0);
        const __m256 w1 = _mm256_loadu_ps(w + 8);
        w += rows;
        const __m256 x0 = _mm256_set1_ps(row0[0]);
        c0_0 = _mm256_fmadd_ps(x0, w0, c0_0);
        c0_1 = _mm256_fmadd_ps(x0, w1, c0_1);
        const __m256 x1 = _mm256_set1_ps(row0[2]);
        c1_0 = _mm256_fmadd_ps(x1, w0, c1_0);
        c1_1 = _mm256_fmadd_ps(x1, w1, c1_1);
        const __m256 x2 = _mm256_set1_ps(row1[0]);
        c2_0 = _mm256_fmadd_ps(x2, w0, c2_0);
        c2_1 = _mm256_fmadd_ps(x2, w1, c2_1);
        const __m256 x3 = _mm256_set1_ps(row1[2]);
        c3_0 = _mm256_fmadd_ps(x3, w0, c3_0);
        c3_1 = _mm256_fmadd_ps(x3, w1, c3_1);
      }
    }
    for (; n != 0; n -= 1, off += 1) {
      {
        const float *row0 = (const float *)(x + off[0]);
        const float *row1 = row0 + x_line;
        const __m256 w0 = _mm256_loadu_ps(w + 0);
        const __m256 w1 = _mm256_loadu_ps(w + 8);
        w += rows;
        const __m256 x0 = _mm256_set1_ps(row0[0]);
        c0_0 = _mm256_fmadd_ps(x0, w0, c0_0);
        c0_1 = _mm256_fmadd_ps(x0, w1, c0_1);
        const __m256 x1 = _mm256_set1_ps(row0[2]);
        c1_0 = _mm256_fmadd_ps(x1, w0, c1_0);
        c1_1 = _mm256_fmadd_ps(x1, w1, c1_1);
        const __m256 x2 = _mm256_set1_ps(row1[0]);
        c2_0 = _mm256_fmadd_ps(x2, w0, c2_0);
        c2_1 = _mm256_fmadd_ps(x2, w1, c2_1);
        const __m256 x3 = _mm256_set1_ps(row1[2]);
        c3_0 = _mm256_fmadd_ps(x3, w0, c3_0);
        c3_1 = _mm256_fmadd_ps(x3, w1, c3_1);
      }
    }
    if (a->sums) {
      float *sums = a->sums;
      _mm256_storeu_ps(sums + 0, c0_0);
      _mm256_storeu_ps(sums + 8, c0_1);
      sums += step;
      _mm256_storeu_ps(sums + 0, c1_0);
      _mm256_storeu_ps(sums + 8, c1_1);
      sums += step;
      _mm256_storeu_ps(sums + 0, c2_0);
      _mm256_storeu_ps(sums + 8, c2_1);
      sums += step;
      _mm256_storeu_ps(sums + 0, c3_0);
      _mm256_storeu_ps(sums + 8, c3_1);
      sums += step;
    } else {
      const __m256 bias0 = _mm256_loadu_ps(a->bias + 0);
      const __m256 bias1 = _mm256_loadu_ps(a->bias + 8);
      c0_0 = _mm256_add_ps(c0_0, bias0);
      c0_1 = _mm256_add_ps(c0_1, bias1);
      c1_0 = _mm256_add_ps(c1_0, bias0);
      c1_1 = _mm256_add_ps(c1_1, bias1);
      c2_0 = _mm256_add_ps(c2_0, bias0);
      c2_1 = _mm256_add_ps(c2_1, bias1);
      c3_0 = _mm256_add_ps(c3_0, bias0);
      c3_1 = _mm256_add_ps(c3_1, bias1);
      const uint32_t *places = a->places;
      if (r) {
        {
          float lanes[8] = {0};
          gather_floats(lanes, r + 0, places + 0, count_within(a->count, 0, 8));
          c0_0 = _mm256_add_ps(c0_0, _mm256_loadu_ps(lanes));
        }
        {
          float lanes[8] = {0};
          gather_floats(lanes, r + 0, places + 8, count_within(a->count, 8, 8));
          c0_1 = _mm256_add_ps(c0_1, _mm256_loadu_ps(lanes));
        }
        {
          float lanes[8] = {0};
          gather_floats(lanes, r + 1, places + 0, count_within(a->count, 0, 8));
          c1_0 = _mm256_add_ps(c1_0, _mm256_loadu_ps(lanes));
        }
        {
          float lanes[8] = {0};
          gather_floats(lanes, r + 1, places + 8, count_within(a->count, 8, 8));
          c1_1 = _mm256_add_ps(c1_1, _mm256_loadu_ps(lanes));
        }
        {
          float lanes[8] = {0};
          gather_floats(lanes, r + y_line + 0, places + 0, count_within(a->count, 0, 8));
          c2_0 = _mm256_add_ps(c2_0, _mm256_loadu_ps(lanes));
        }
        {
          float lanes[8] = {0};
          gather_floats(lanes, r + y_line + 0, places + 8, count_within(a->count, 8, 8));
          c2_1 = _mm256_add_ps(c2_1, _mm256_loadu_ps(lanes));
        }
        {
          float lanes[8] = {0};
          gather_floats(lanes, r + y_line + 1, places + 0, count_within(a->count, 0, 8));
          c3_0 = _mm256_add_ps(c3_0, _mm256_loadu_ps(lanes));
        }
        {
          float lanes[8] = {0};
          gather_floats(lanes, r + y_line + 1, places + 8, count_within(a->count, 8, 8));
          c3_1 = _mm256_add_ps(c3_1, _mm256_loadu_ps(lanes));
        }
      }
      if (a->lo != -__builtin_inff()) {
        const __m256 lo = _mm256_set1_ps(a->lo);
        c0_0 = _mm256_max_ps(lo, c0_0);
        c0_1 = _mm256_max_ps(lo, c0_1);
        c1_0 = _mm256_max_ps(lo, c1_0);
        c1_1 = _mm256_max_ps(lo, c1_1);
        c2_0 = _mm256_max_ps(lo, c2_0);
        c2_1 = _mm256_max_ps(lo, c2_1);
        c3_0 = _mm256_max_ps(lo, c3_0);
        c3_1 = _mm256_max_ps(lo, c3_1);
      }
      if (a->hi != __builtin_inff()) {
        const __m256 hi = _mm256_set1_ps(a->hi);
        c0_0 = _mm256_min_ps(hi, c0_0);
        c0_1 = _mm256_min_ps(hi, c0_1);
        c1_0 = _mm256_min_ps(hi, c1_0);
        c1_1 = _mm256_min_ps(hi, c1_1);
        c2_0 = _mm256_min_ps(hi, c2_0);
        c2_1 = _mm256_min_ps(hi, c2_1);
        c3_0 = _mm256_min_ps(hi, c3_0);
        c3_1 = _mm256_min_ps(hi, c3_1);
      }
      {
        float lanes[8];
        _mm256_storeu_ps(lanes, c0_0);
        scatter_floats(y + 0, places + 0, lanes, count_within(a->count, 0, 8));
      }
      {
        float lanes[8];
        _mm256_storeu_ps(lanes, c0_1);
        scatter_floats(y + 0, places + 8, lanes, count_within(a->count, 8, 8));
      }
      {
        float lanes[8];
        _mm256_storeu_ps(lanes, c1_0);
        scatter_floats(y + 1, places + 0, lanes, count_within(a->count, 0, 8));
      }
      {
        float lanes[8];
        _mm256_storeu_ps(lanes, c1_1);
        scatter_floats(y + 1, places + 8, lanes, count_within(a->count, 8, 8));
      }
      {
        float lanes[8];
        _mm256_storeu_ps(lanes, c2_0);
        scatter_floats(y + y_line + 0, places + 0, lanes, count_within(a->count, 0, 8));
      }
      {
        float lanes[8];
        _mm256_storeu_ps(lanes, c2_1);
        scatter_floats(y + y_line + 0, places + 8, lanes, count_within(a->count, 8, 8));
      }
      {
        float lanes[8];
        _mm256_storeu_ps(lanes, c3_0);
        scatter_floats(y + y_line + 1, places + 0, lanes, count_within(a->count, 0, 8));
      }
      {
        float lanes[8];
        _mm256_storeu_ps(lanes, c3_1);
        scatter_floats(y + y_line + 1, places + 8, lanes, count_within(a->count, 8, 8));
      }
    }
  }
}
