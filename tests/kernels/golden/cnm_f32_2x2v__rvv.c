static void cnm_f32_2x2v__rvv(const cln_strip_args *a) {
  for (size_t p = 0; p < a->count;) {
    const size_t vl = __riscv_vsetvl_e32m2(a->count - p);
    const char *restrict x = (const char *)(a->x + p);
    const float *restrict w = a->w;
    const int32_t *restrict off = a->off;
    size_t n = a->n;
    vfloat32m2_t c0_0, c1_0;
    const float *start = a->c ? a->c + p : a->r + p;
    const int64_t *start_rows = a->c ? a->c_rows : a->r_rows;
    if (a->c || a->r) {
      c0_0 = __riscv_vle32_v_f32m2(start + start_rows[0] + 0, vl);
      c1_0 = __riscv_vle32_v_f32m2(start + start_rows[1] + 0, vl);
    } else if (n) {
      const float *row = (const float *)(x + off[0]);
      const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
      const float w0 = w[0];
      c0_0 = __riscv_vfmul_vf_f32m2(x0, w0, vl);
      const float w1 = w[1];
      c1_0 = __riscv_vfmul_vf_f32m2(x0, w1, vl);
      ++off, w += 2, --n;
    } else {
      c0_0 = __riscv_vfmv_v_f_f32m2(0.0f, vl);
      c1_0 = __riscv_vfmv_v_f_f32m2(0.0f, vl);
    }
    for (; n >= 4; n -= 4) {
      {
        const float *row = (const float *)(x + off[0]);
        const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
        const float w0 = w[0];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w0, x0, vl);
        const float w1 = w[1];
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w1, x0, vl);
      }
      {
        const float *row = (const float *)(x + off[1]);
        const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
        const float w0 = w[2];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w0, x0, vl);
        const float w1 = w[3];
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w1, x0, vl);
      }
      {
        const float *row = (const float *)(x + off[2]);
        const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
        const float w0 = w[4];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w0, x0, vl);
        const float w1 = w[5];
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w1, x0, vl);
      }
      {
        const float *row = (const float *)(x + off[3]);
        const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
        const float w0 = w[6];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w0, x0, vl);
        const float w1 = w[7];
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w1, x0, vl);
      }
      off += 4;
      w += 8;
    }
    for (; n != 0; --n) {
      {
        const float *row = (const float *)(x + off[0]);
        const vfloat32m2_t x0 = __riscv_vle32_v_f32m2(row + 0, vl);
        const float w0 = w[0];
        c0_0 = __riscv_vfmacc_vf_f32m2(c0_0, w0, x0, vl);
        const float w1 = w[1];
        c1_0 = __riscv_vfmacc_vf_f32m2(c1_0, w1, x0, vl);
      }
      off += 1;
      w += 2;
    }
    if (a->c && a->r) {
      const float *r = a->r + p;
      c0_0 = __riscv_vfadd_vv_f32m2(c0_0, __riscv_vle32_v_f32m2(r + a->r_rows[0] + 0, vl), vl);
      c1_0 = __riscv_vfadd_vv_f32m2(c1_0, __riscv_vle32_v_f32m2(r + a->r_rows[1] + 0, vl), vl);
    }
    if (a->bias) {
      const float b0 = a->bias[0];
      c0_0 = __riscv_vfadd_vf_f32m2(c0_0, b0, vl);
      const float b1 = a->bias[1];
      c1_0 = __riscv_vfadd_vf_f32m2(c1_0, b1, vl);
    }
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
    float *y = a->y + p;
    const int64_t *y_rows = a->y_rows;  /* a local: the stores below might change a->y_rows, for all C knows */
    __riscv_vse32_v_f32m2(y + y_rows[0] + 0, c0_0, vl);
    __riscv_vse32_v_f32m2(y + y_rows[1] + 0, c1_0, vl);
    p += vl;
  }
}
