// Quantizing and dequantizing of whole groups. The affine format follows MLX in every rounding:
// 0 is always a code, and the edge of the group that is farther from 0 is met exactly.

#include "quantization.h"

// The bits of eight codes, one behind the other.
INLINE void pack_eight(u8 *out, const u32 *codes, int bits) {
    u64 pack = 0;
    for (int i = 0; i < 8; i++) pack |= (u64)codes[i] << bits * i;
    memcpy(out, &pack, (size_t)bits);
}

// Kept in 0 ... most; NaN gives 0.
INLINE u32 whole_code(float x, float most) {
    float nearest = rintf(x);
    return nearest > 0 ? (u32)(nearest < most ? nearest : most) : 0;
}

INLINE void affine_scale(float *scale, float *bias, const float *x, long n, float most) {
    float low = INFINITY, high = -INFINITY;
    for (long i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    int is_low = fabsf(low) > fabsf(high);
    float step = (high - low) / most, edge = is_low ? low : high;
    step = step > 1e-7f ? step : 1e-7f;
    step = is_low ? step : -step;
    float zero = rintf(edge / step);
    *scale = zero != 0 ? edge / zero : step;
    *bias = zero != 0 ? edge : 0;
}

#define AFFINE(BITS, UNUSED)                                                                       \
    KERNEL static void quantize_##BITS(                                                            \
        void *words, float *scales, float *biases, const float *in, long groups, long group) {     \
        const float most = (1 << BITS) - 1;                                                        \
        u8 *out = words;                                                                           \
        for (long g = 0; g < groups; g++, in += group) {                                           \
            float scale, bias;                                                                     \
            affine_scale(&scale, &bias, in, group, most);                                          \
            for (long i = 0; i < group; i += 8, out += BITS) {                                     \
                u32 codes[8];                                                                      \
                for (int k = 0; k < 8; k++)                                                        \
                    codes[k] = whole_code((in[i + k] - bias) / scale, most);                       \
                pack_eight(out, codes, BITS);                                                      \
            }                                                                                      \
            scales[g] = scale;                                                                     \
            biases[g] = bias;                                                                      \
        }                                                                                          \
    }
#define FOR_BITS(M, ...)                                                                           \
    M(2, __VA_ARGS__) M(3, __VA_ARGS__) M(4, __VA_ARGS__)                                          \
    M(5, __VA_ARGS__) M(6, __VA_ARGS__) M(8, __VA_ARGS__)
FOR_BITS(AFFINE, )

ck_quantize _Nullable ck_quantize_affine(int codes) {
    switch (codes) {
    case CK_CODES_2: return quantize_2;
    case CK_CODES_3: return quantize_3;
    case CK_CODES_4: return quantize_4;
    case CK_CODES_5: return quantize_5;
    case CK_CODES_6: return quantize_6;
    case CK_CODES_8: return quantize_8;
    default: return NULL;
    }
}

INLINE float e8m0(u32 code) { return float_of_bits(code == 0 ? 0x400000 : code << 23); }

// The power of two that is next above; a group of zeros has 1.
INLINE u8 e8m0_code(float scale, float factor) {
    (void)factor;
    float power = scale > 0 ? ceilf(log2f(scale)) + 127 : 127;
    return (u8)(power > 0 ? (power < 254 ? power : 254) : 0);
}
INLINE float e8m0_step(u8 code, float factor) {
    (void)factor;
    return e8m0(code);
}
INLINE u8 e4m3_scale_code(float scale, float factor) { return (u8)e4m3_code(scale * factor); }
INLINE float e4m3_step(u8 code, float factor) { return e4m3(code) * (1 / factor); }

// LARGEST is the largest number that a code stands for.
#define FLOATS(NAME, BITS, LARGEST, CODE, SCALE_CODE, STEP)                                        \
    KERNEL static void quantize_##NAME(void *words, u8 *scales, const float *in, long groups,      \
        long group, float factor) {                                                                \
        u8 *out = words;                                                                           \
        for (long g = 0; g < groups; g++, in += group) {                                           \
            float largest = 0;                                                                     \
            for (long i = 0; i < group; i++)                                                       \
                largest = fabsf(in[i]) > largest ? fabsf(in[i]) : largest;                         \
            scales[g] = SCALE_CODE(largest / LARGEST, factor);                                     \
            float step = STEP(scales[g], factor);                                                  \
            for (long i = 0; i < group; i += 8, out += BITS) {                                     \
                u32 codes[8];                                                                      \
                for (int k = 0; k < 8; k++) codes[k] = CODE(step == 0 ? 0 : in[i + k] / step);     \
                pack_eight(out, codes, BITS);                                                      \
            }                                                                                      \
        }                                                                                          \
    }
FLOATS(mxfp4, 4, 6, e2m1_code, e8m0_code, e8m0_step)
FLOATS(mxfp8, 8, 448, e4m3_code, e8m0_code, e8m0_step)
FLOATS(nvfp4, 4, 6, e2m1_code, e4m3_scale_code, e4m3_step)

ck_quantize_float _Nullable ck_quantize_floats(int codes, int scale_codes) {
    if (codes == CK_CODES_E4M3) return scale_codes == CK_SCALE_E8M0 ? quantize_mxfp8 : NULL;
    if (codes != CK_CODES_E2M1) return NULL;
    return scale_codes == CK_SCALE_E8M0 ? quantize_mxfp4 : quantize_nvfp4;
}

#define VECTOR_f32 f32x8
#define VECTOR_f64 f64x8

// Floats keep the sign of zero, as nothing is added to them.
#define DEQUANTIZE(T, NAME, BITS, VALUES, HAS_BIAS)                                                \
    KERNEL static void dequantize_##NAME##_##T(void *result, const void *words,                    \
        const void *scales, const void *biases, long groups, long group) {                         \
        T *out = result;                                                                           \
        const T *scale = scales, *bias = biases;                                                   \
        const u8 *in = words;                                                                      \
        for (long g = 0; g < groups; g++)                                                          \
            for (long i = 0; i < group; i += 8, in += BITS, out += 8) {                            \
                u32x8 codes;                                                                       \
                f32x8 values;                                                                      \
                eight_##BITS(&codes, in);                                                          \
                VALUES(&values, &codes);                                                           \
                VECTOR_##T wide = __builtin_convertvector(values, VECTOR_##T) * scale[g];          \
                *(VECTOR_##T *)out = HAS_BIAS ? wide + bias[g] : wide;                             \
            }                                                                                      \
    }
#define WHOLE(BITS, T) DEQUANTIZE(T, BITS, BITS, whole_eight, true)
FOR_BITS(WHOLE, f32)
FOR_BITS(WHOLE, f64)
FOR_FLOATS(DEQUANTIZE, e2m1, 4, e2m1_eight, false)
FOR_FLOATS(DEQUANTIZE, e4m3, 8, e4m3_eight, false)

#define CHOICE(NAME) (dtype == CK_F32 ? dequantize_##NAME##_f32 : dequantize_##NAME##_f64)
ck_dequantize _Nullable ck_dequantize_groups(int codes, int dtype) {
    if (dtype != CK_F32 && dtype != CK_F64) return NULL;
    switch (codes) {
    case CK_CODES_2: return CHOICE(2);
    case CK_CODES_3: return CHOICE(3);
    case CK_CODES_4: return CHOICE(4);
    case CK_CODES_5: return CHOICE(5);
    case CK_CODES_6: return CHOICE(6);
    case CK_CODES_8: return CHOICE(8);
    case CK_CODES_E2M1: return CHOICE(e2m1);
    case CK_CODES_E4M3: return CHOICE(e4m3);
    default: return NULL;
    }
}

UNARY_TO(power, u8, f32, e8m0(x))
UNARY_TO(fp8, u8, f32, e4m3(x))

#define WIDE_SCALES(NAME, DECODE)                                                                  \
    KERNEL static void NAME##_wide(void *out, const void *in, long n) {                            \
        const u8 *code = in;                                                                       \
        f64 *result = out;                                                                         \
        LANES for (long i = 0; i < n; i++) result[i] = (f64)DECODE(code[i]);                       \
    }
WIDE_SCALES(power, e8m0)
WIDE_SCALES(fp8, e4m3)

ck_unary _Nullable ck_quantized_scales(int scale_codes, int dtype) {
    int is_power = scale_codes == CK_SCALE_E8M0;
    if (dtype == CK_F32) return is_power ? power_u8 : fp8_u8;
    if (dtype == CK_F64) return is_power ? power_wide : fp8_wide;
    return NULL;
}

UNARY_TO(to_fp8, f32, u8, (u8)e4m3_code(x))
UNARY_TO(to_fp8, f64, u8, (u8)e4m3_code((float)x))
LOOKUP(ck_unary, ck_to_fp8, ROWS_FLOATS(to_fp8))
LOOKUP(ck_unary, ck_from_fp8, [CK_U8] = fp8_u8)
