static void depthwise_f32_3s2_2x2v__generic(const cln_window *a) {
  const int64_t y_pitch = a->y_pitch;
  const vec w0 = VEC_SET1(a->w[0]);
  const vec w1 = VEC_SET1(a->w[1]);
  const vec w2 = VEC_SET1(a->w[2]);
  const vec w3 = VEC_SET1(a->w[3]);
  const vec w4 = VEC_SET1(a->w[4]);
  const vec w5 = VEC_SET1(a->w[5]);
  const vec w6 = VEC_SET1(a->w[6]);
  const vec w7 = VEC_SET1(a->w[7]);
  const vec w8 = VEC_SET1(a->w[8]);
  const vec bias = VEC_SET1(a->bias);
  const int64_t pitch = a->pitch;
  const int64_t odd = a->odd;
  for (size_t p = 0;;) {
    const float *x = a->x + p;
    float *y = a->y + p;
    vec c0_0, c1_0;
    vec c0_1, c1_1;
    {
      const float *row = x + 0 * pitch + 0 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c0_0 = w0 * x0;
      c0_1 = w0 * x1;
    }
    {
      const float *row = x + 0 * pitch + 1 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c0_0 = w1 * x0 + c0_0;
      c0_1 = w1 * x1 + c0_1;
    }
    {
      const float *row = x + 0 * pitch + 0 * odd + 1;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c0_0 = w2 * x0 + c0_0;
      c0_1 = w2 * x1 + c0_1;
    }
    {
      const float *row = x + 1 * pitch + 0 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c0_0 = w3 * x0 + c0_0;
      c0_1 = w3 * x1 + c0_1;
    }
    {
      const float *row = x + 1 * pitch + 1 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c0_0 = w4 * x0 + c0_0;
      c0_1 = w4 * x1 + c0_1;
    }
    {
      const float *row = x + 1 * pitch + 0 * odd + 1;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c0_0 = w5 * x0 + c0_0;
      c0_1 = w5 * x1 + c0_1;
    }
    {
      const float *row = x + 2 * pitch + 0 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c0_0 = w6 * x0 + c0_0;
      c0_1 = w6 * x1 + c0_1;
      c1_0 = w0 * x0;
      c1_1 = w0 * x1;
    }
    {
      const float *row = x + 2 * pitch + 1 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c0_0 = w7 * x0 + c0_0;
      c0_1 = w7 * x1 + c0_1;
      c1_0 = w1 * x0 + c1_0;
      c1_1 = w1 * x1 + c1_1;
    }
    {
      const float *row = x + 2 * pitch + 0 * odd + 1;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c0_0 = w8 * x0 + c0_0;
      c0_1 = w8 * x1 + c0_1;
      c1_0 = w2 * x0 + c1_0;
      c1_1 = w2 * x1 + c1_1;
    }
    {
      const float *row = x + 3 * pitch + 0 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c1_0 = w3 * x0 + c1_0;
      c1_1 = w3 * x1 + c1_1;
    }
    {
      const float *row = x + 3 * pitch + 1 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c1_0 = w4 * x0 + c1_0;
      c1_1 = w4 * x1 + c1_1;
    }
    {
      const float *row = x + 3 * pitch + 0 * odd + 1;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c1_0 = w5 * x0 + c1_0;
      c1_1 = w5 * x1 + c1_1;
    }
    {
      const float *row = x + 4 * pitch + 0 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c1_0 = w6 * x0 + c1_0;
      c1_1 = w6 * x1 + c1_1;
    }
    {
      const float *row = x + 4 * pitch + 1 * odd + 0;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c1_0 = w7 * x0 + c1_0;
      c1_1 = w7 * x1 + c1_1;
    }
    {
      const float *row = x + 4 * pitch + 0 * odd + 1;
      const vec x0 = (*(const vec *)(row + 0));
      const vec x1 = (*(const vec *)(row + 4));
      c1_0 = w8 * x0 + c1_0;
      c1_1 = w8 * x1 + c1_1;
    }
    c0_0 = bias + c0_0;
    c1_0 = bias + c1_0;
    c0_1 = bias + c0_1;
    c1_1 = bias + c1_1;
    {
      if (a->lo != -__builtin_inff()) {
        const vec lo = VEC_SET1(a->lo);
        c0_0 = vec_max(lo, c0_0);
        c0_1 = vec_max(lo, c0_1);
        c1_0 = vec_max(lo, c1_0);
        c1_1 = vec_max(lo, c1_1);
      }
      if (a->hi != __builtin_inff()) {
        const vec hi = VEC_SET1(a->hi);
        c0_0 = vec_min(hi, c0_0);
        c0_1 = vec_min(hi, c0_1);
        c1_0 = vec_min(hi, c1_0);
        c1_1 = vec_min(hi, c1_1);
      }
    }
    *(vec *)(y + 0 * y_pitch + 0) = c0_0;
    *(vec *)(y + 0 * y_pitch + 4) = c0_1;
    *(vec *)(y + 1 * y_pitch + 0) = c1_0;
    *(vec *)(y + 1 * y_pitch + 4) = c1_1;
    if (p + 8 >= a->count) break;
    p = p + 16 <= a->count ? p + 8 : a->count - 8;
  }
}
