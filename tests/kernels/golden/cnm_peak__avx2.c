static void cnm_peak(const cln_strip_args *a) {
  {
    const __m256 w = _mm256_set1_ps(a->w[0]);
    const __m256 x0 = _mm256_loadu_ps(a->x + 0);
    const __m256 x1 = _mm256_loadu_ps(a->x + 8);
    __m256 c0_0 = _mm256_loadu_ps(a->c + a->c_rows[0] + 0);
    __m256 c0_1 = _mm256_loadu_ps(a->c + a->c_rows[0] + 8);
    __m256 c1_0 = _mm256_loadu_ps(a->c + a->c_rows[1] + 0);
    __m256 c1_1 = _mm256_loadu_ps(a->c + a->c_rows[1] + 8);
    __m256 c2_0 = _mm256_loadu_ps(a->c + a->c_rows[2] + 0);
    __m256 c2_1 = _mm256_loadu_ps(a->c + a->c_rows[2] + 8);
    __m256 c3_0 = _mm256_loadu_ps(a->c + a->c_rows[3] + 0);
    __m256 c3_1 = _mm256_loadu_ps(a->c + a->c_rows[3] + 8);
    __m256 c4_0 = _mm256_loadu_ps(a->c + a->c_rows[4] + 0);
    __m256 c4_1 = _mm256_loadu_ps(a->c + a->c_rows[4] + 8);
    __m256 c5_0 = _mm256_loadu_ps(a->c + a->c_rows[5] + 0);
    __m256 c5_1 = _mm256_loadu_ps(a->c + a->c_rows[5] + 8);
    for (size_t n = a->n; n != 0; --n) {
      c0_0 = _mm256_fmadd_ps(w, x0, c0_0);
      c0_1 = _mm256_fmadd_ps(w, x1, c0_1);
      c1_0 = _mm256_fmadd_ps(w, x0, c1_0);
      c1_1 = _mm256_fmadd_ps(w, x1, c1_1);
      c2_0 = _mm256_fmadd_ps(w, x0, c2_0);
      c2_1 = _mm256_fmadd_ps(w, x1, c2_1);
      c3_0 = _mm256_fmadd_ps(w, x0, c3_0);
      c3_1 = _mm256_fmadd_ps(w, x1, c3_1);
      c4_0 = _mm256_fmadd_ps(w, x0, c4_0);
      c4_1 = _mm256_fmadd_ps(w, x1, c4_1);
      c5_0 = _mm256_fmadd_ps(w, x0, c5_0);
      c5_1 = _mm256_fmadd_ps(w, x1, c5_1);
    }
    _mm256_storeu_ps(a->y + a->y_rows[0] + 0, c0_0);
    _mm256_storeu_ps(a->y + a->y_rows[0] + 8, c0_1);
    _mm256_storeu_ps(a->y + a->y_rows[1] + 0, c1_0);
    _mm256_storeu_ps(a->y + a->y_rows[1] + 8, c1_1);
    _mm256_storeu_ps(a->y + a->y_rows[2] + 0, c2_0);
    _mm256_storeu_ps(a->y + a->y_rows[2] + 8, c2_1);
    _mm256_storeu_ps(a->y + a->y_rows[3] + 0, c3_0);
    _mm256_storeu_ps(a->y + a->y_rows[3] + 8, c3_1);
    _mm256_storeu_ps(a->y + a->y_rows[4] + 0, c4_0);
    _mm256_storeu_ps(a->y + a->y_rows[4] + 8, c4_1);
    _mm256_storeu_ps(a->y + a->y_rows[5] + 0, c5_0);
    _mm256_storeu_ps(a->y + a->y_rows[5] + 8, c5_1);
  }
}
