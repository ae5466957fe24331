static void cnm_f32_2x2v__rvv(const cln_tile *a) {
  for (size_t p = 0; p < a->count;) {
    const size_t vl = __riscv_vsetvl_e32m2(a->count - p);
    const char *restrict x = (const char *)(a->x + p);
    const float *restrict w = a->w;
    const int32_t *restrict off = a->off;
    size_t n = a->n;
    vfloat32m2_t c0_0, c1_0;
    if (a->bias) {
      c0_0 = __riscv_vfmv_v_f_f32m2(a->bias[0], vl);
      c1_0 = __riscv_vfmv_v_f_f32m2(a->bias[1], vl);
    } else {
      const float *c0 = a->c + a->c_rows[0] + p;
      c0_0 = __riscv_vle32_v_f32m2(c0 + 0, vl);
      const float *c1 = a->c + a->c_rows[1] + p;
      c1_0 = __riscv_vle32_v_f32m2(c1 + 0, vl);
    }
    for (; n >= 2; n -= 2) {
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
      off += 2;
      w += 4;
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
    if (a->r) {
      const float *r0 = a->r + a->r_rows[0] + p;
      c0_0 = __riscv_vfadd_vv_f32m2(c0_0, __riscv_vle32_v_f32m2(r0 + 0, vl), vl);
      const float *r1 = a->r + a->r_rows[1] + p;
      c1_0 = __riscv_vfadd_vv_f32m2(c1_0, __riscv_vle32_v_f32m2(r1 + 0, vl), vl);
    }
    const float lo = a->lo, hi = a->hi;
    float *y0 = a->y + a->y_rows[0] + p;
    c0_0 = __riscv_vfmerge_vfm_f32m2(c0_0, lo, __riscv_vmflt_vf_f32m2_b16(c0_0, lo, vl), vl);
    c0_0 = __riscv_vfmerge_vfm_f32m2(c0_0, hi, __riscv_vmfgt_vf_f32m2_b16(c0_0, hi, vl), vl);
    __riscv_vse32_v_f32m2(y0 + 0, c0_0, vl);
    float *y1 = a->y + a->y_rows[1] + p;
    c1_0 = __riscv_vfmerge_vfm_f32m2(c1_0, lo, __riscv_vmflt_vf_f32m2_b16(c1_0, lo, vl), vl);
    c1_0 = __riscv_vfmerge_vfm_f32m2(c1_0, hi, __riscv_vmfgt_vf_f32m2_b16(c1_0, hi, vl), vl);
    __riscv_vse32_v_f32m2(y1 + 0, c1_0, vl);
    p += vl;
  }
}
