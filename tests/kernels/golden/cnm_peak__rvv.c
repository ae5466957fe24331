static void cnm_peak(const cln_strip_args *a) {
  for (size_t p = 0; p < a->count;) {
    const size_t vl = __riscv_vsetvl_e32m4(a->count - p);
    const float w = a->w[0];
    const vfloat32m4_t x0 = __riscv_vle32_v_f32m4(a->x + p + 0, vl);
    vfloat32m4_t c0_0 = __riscv_vle32_v_f32m4(a->c + p + a->c_rows[0] + 0, vl);
    vfloat32m4_t c1_0 = __riscv_vle32_v_f32m4(a->c + p + a->c_rows[1] + 0, vl);
    vfloat32m4_t c2_0 = __riscv_vle32_v_f32m4(a->c + p + a->c_rows[2] + 0, vl);
    vfloat32m4_t c3_0 = __riscv_vle32_v_f32m4(a->c + p + a->c_rows[3] + 0, vl);
    vfloat32m4_t c4_0 = __riscv_vle32_v_f32m4(a->c + p + a->c_rows[4] + 0, vl);
    vfloat32m4_t c5_0 = __riscv_vle32_v_f32m4(a->c + p + a->c_rows[5] + 0, vl);
    vfloat32m4_t c6_0 = __riscv_vle32_v_f32m4(a->c + p + a->c_rows[6] + 0, vl);
    for (size_t n = a->n; n != 0; --n) {
      c0_0 = __riscv_vfmacc_vf_f32m4(c0_0, w, x0, vl);
      c1_0 = __riscv_vfmacc_vf_f32m4(c1_0, w, x0, vl);
      c2_0 = __riscv_vfmacc_vf_f32m4(c2_0, w, x0, vl);
      c3_0 = __riscv_vfmacc_vf_f32m4(c3_0, w, x0, vl);
      c4_0 = __riscv_vfmacc_vf_f32m4(c4_0, w, x0, vl);
      c5_0 = __riscv_vfmacc_vf_f32m4(c5_0, w, x0, vl);
      c6_0 = __riscv_vfmacc_vf_f32m4(c6_0, w, x0, vl);
    }
    __riscv_vse32_v_f32m4(a->y + p + a->y_rows[0] + 0, c0_0, vl);
    __riscv_vse32_v_f32m4(a->y + p + a->y_rows[1] + 0, c1_0, vl);
    __riscv_vse32_v_f32m4(a->y + p + a->y_rows[2] + 0, c2_0, vl);
    __riscv_vse32_v_f32m4(a->y + p + a->y_rows[3] + 0, c3_0, vl);
    __riscv_vse32_v_f32m4(a->y + p + a->y_rows[4] + 0, c4_0, vl);
    __riscv_vse32_v_f32m4(a->y + p + a->y_rows[5] + 0, c5_0, vl);
    __riscv_vse32_v_f32m4(a->y + p + a->y_rows[6] + 0, c6_0, vl);
    p += vl;
  }
}
