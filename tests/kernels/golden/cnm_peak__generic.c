static void cnm_peak(const cln_strip_args *a) {
  {
    const vec w = VEC_SET1(a->w[0]);
    const vec x0 = (*(const vec *)(a->x + 0));
    const vec x1 = (*(const vec *)(a->x + 4));
    vec c0_0 = (*(const vec *)(a->c + a->c_rows[0] + 0));
    vec c0_1 = (*(const vec *)(a->c + a->c_rows[0] + 4));
    vec c1_0 = (*(const vec *)(a->c + a->c_rows[1] + 0));
    vec c1_1 = (*(const vec *)(a->c + a->c_rows[1] + 4));
    vec c2_0 = (*(const vec *)(a->c + a->c_rows[2] + 0));
    vec c2_1 = (*(const vec *)(a->c + a->c_rows[2] + 4));
    vec c3_0 = (*(const vec *)(a->c + a->c_rows[3] + 0));
    vec c3_1 = (*(const vec *)(a->c + a->c_rows[3] + 4));
    vec c4_0 = (*(const vec *)(a->c + a->c_rows[4] + 0));
    vec c4_1 = (*(const vec *)(a->c + a->c_rows[4] + 4));
    vec c5_0 = (*(const vec *)(a->c + a->c_rows[5] + 0));
    vec c5_1 = (*(const vec *)(a->c + a->c_rows[5] + 4));
    for (size_t n = a->n; n != 0; --n) {
      c0_0 = w * x0 + c0_0;
      c0_1 = w * x1 + c0_1;
      c1_0 = w * x0 + c1_0;
      c1_1 = w * x1 + c1_1;
      c2_0 = w * x0 + c2_0;
      c2_1 = w * x1 + c2_1;
      c3_0 = w * x0 + c3_0;
      c3_1 = w * x1 + c3_1;
      c4_0 = w * x0 + c4_0;
      c4_1 = w * x1 + c4_1;
      c5_0 = w * x0 + c5_0;
      c5_1 = w * x1 + c5_1;
    }
    *(vec *)(a->y + a->y_rows[0] + 0) = c0_0;
    *(vec *)(a->y + a->y_rows[0] + 4) = c0_1;
    *(vec *)(a->y + a->y_rows[1] + 0) = c1_0;
    *(vec *)(a->y + a->y_rows[1] + 4) = c1_1;
    *(vec *)(a->y + a->y_rows[2] + 0) = c2_0;
    *(vec *)(a->y + a->y_rows[2] + 4) = c2_1;
    *(vec *)(a->y + a->y_rows[3] + 0) = c3_0;
    *(vec *)(a->y + a->y_rows[3] + 4) = c3_1;
    *(vec *)(a->y + a->y_rows[4] + 0) = c4_0;
    *(vec *)(a->y + a->y_rows[4] + 4) = c4_1;
    *(vec *)(a->y + a->y_rows[5] + 0) = c5_0;
    *(vec *)(a->y + a->y_rows[5] + 4) = c5_1;
  }
}
