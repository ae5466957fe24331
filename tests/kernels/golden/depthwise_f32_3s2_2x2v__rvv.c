static void depthwise_f32_3s2_2x2v__rvv(const cln_window *a) {
  const int64_t y_pitch = a->y_pitch;
  const float w0 = a->w[0];
  const float w1 = a->w[1];
  const float w2 = a->w[2];
  const float w3 = a->w[3];
  const float w4 = a->w[4];
  const float w5 = a->w[5];
  const float w6 = a->w[6];
  const float w7 = a->w[7];
  const float w8 = a->w[8];
  const float bias = a->bias;
  const int64_t pitch = a->pitch;
  const int64_t odd = a->odd;
  for (size_t p = 0; p < a->count;) {
    const size_t vl = __riscv_vsetvl_e32m2(a->count - p);
    const float *x = a->x + p;
    float *y = a->y + p;
    vfloat32m2_t c0_0, c1_0;
    {
      const float *row = x + 0 * pitch + 0 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c0_0 = __riscv_vfmul_vf_f32m2(x0, w0, vl);
    }
    {
      const float *row = x + 0 * pitch + 1 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w1, x0, vl);
    }
    {
      const float *row = x + 0 * pitch + 0 * odd + 1;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w2, x0, vl);
    }
    {
      const float *row = x + 1 * pitch + 0 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w3, x0, vl);
    }
    {
      const float *row = x + 1 * pitch + 1 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w4, x0, vl);
    }
    {
      const float *row = x + 1 * pitch + 0 * odd + 1;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w5, x0, vl);
    }
    {
      const float *row = x + 2 * pitch + 0 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w6, x0, vl);
      c1_0 = __riscv_vfmul_vf_f32m2(x0, w0, vl);
    }
    {
      const float *row = x + 2 * pitch + 1 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w7, x0, vl);
      c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w1, x0, vl);
    }
    {
      const float *row = x + 2 * pitch + 0 * odd + 1;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w8, x0, vl);
      c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w2, x0, vl);
    }
    {
      const float *row = x + 3 * pitch + 0 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w3, x0, vl);
    }
    {
      const float *row = x + 3 * pitch + 1 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w4, x0, vl);
    }
    {
      const float *row = x + 3 * pitch + 0 * odd + 1;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w5, x0, vl);
    }
    {
      const float *row = x + 4 * pitch + 0 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w6, x0, vl);
    }
    {
      const float *row = x + 4 * pitch + 1 * odd + 0;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w7, x0, vl);
    }
    {
      const float *row = x + 4 * pitch + 0 * odd + 1;
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w8, x0, vl);
    }
    c0_0 = __riscv_vfadd_vf_f32m2(c0_0, bias, vl);
    c1_0 = __riscv_vfadd_vf_f32m2(c1_0, bias, vl);
    {
      if (a->lo >= 0.0f) {
        const float lo = a->lo + 0.0f, hi = a->hi;  /* -0 becomes 0 */
        int32_t least, most;
        __builtin_memcpy(&least, &lo, sizeof least);
        __builtin_memcpy(&most, &hi, sizeof most);
        c0_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(c0_0), least, vl));
        c1_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vmax_vx_i32m2(__riscv_vreinterpret_v_f32m2_i32m2(c1_0), least, vl));
        if (hi != __builtin_inff()) {
          const uint32_t nan = 0x7fc00000u, bound = (uint32_t)most - nan;
          c0_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(c0_0)), nan, vl), bound, vl), nan, vl)));
          c1_0 = __riscv_vreinterpret_v_i32m2_f32m2(__riscv_vreinterpret_v_u32m2_i32m2(__riscv_vadd_vx_u32m2(__riscv_vminu_vx_u32m2(__riscv_vsub_vx_u32m2(__riscv_vreinterpret_v_i32m2_u32m2(__riscv_vreinterpret_v_f32m2_i32m2(c1_0)), nan, vl), bound, vl), nan, vl)));
        }
      }
      else if (a->lo != -__builtin_inff() || a->hi != __builtin_inff()) {
        const float lo = a->lo, hi = a->hi;
        c0_0 = __riscv_vfmerge_vfm_f32m2(c0_0, lo, __riscv_vmflt_vf_f32m2_b16(c0_0, lo, vl), vl);
        c0_0 = __riscv_vfmerge_vfm_f32m2(c0_0, hi, __riscv_vmfgt_vf_f32m2_b16(c0_0, hi, vl), vl);
        c1_0 = __riscv_vfmerge_vfm_f32m2(c1_0, lo, __riscv_vmflt_vf_f32m2_b16(c1_0, lo, vl), vl);
        c1_0 = __riscv_vfmerge_vfm_f32m2(c1_0, hi, __riscv_vmfgt_vf_f32m2_b16(c1_0, hi, vl), vl);
      }
    }
    __riscv_vse32_v_f32m2(y + 0 * y_pitch + 0, c0_0, vl);
    __riscv_vse32_v_f32m2(y + 1 * y_pitch + 0, c1_0, vl);
    p += vl;
  }
}
