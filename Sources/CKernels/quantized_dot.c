// Products with packed weights. A step takes sixteen words at once: their first codes, then their
// second ones …, each a vector that needs no shuffle, since x was put in that order before.

#include "quantization.h"

enum { STEP = CK_QUANTIZED_LANES };

typedef i32 i32x16 __attribute__((ext_vector_type(16), aligned(4)));
typedef u32 u32x16 __attribute__((ext_vector_type(16), aligned(4)));
typedef float f32x2 __attribute__((ext_vector_type(2), aligned(4)));
typedef float f32x4 __attribute__((ext_vector_type(4), aligned(4)));

INLINE void whole_lanes(f32x16 *out, const u32x16 *codes) {
    *out = __builtin_convertvector((i32x16)*codes, f32x16);
}

INLINE void signed_lanes(f32x16 *out, const u32x16 *sign) {
    *out = (f32x16)((u32x16)*out | *sign);
}

INLINE void e2m1_lanes(f32x16 *out, const u32x16 *codes) {
    u32x16 magnitude = *codes & 7, sign = (*codes & 8) << 28;
    f32x16 small = 0.5f * __builtin_convertvector((i32x16)magnitude, f32x16);
    f32x16 large = (f32x16)((magnitude << 22) + (126u << 23));
    *out = magnitude < 2 ? small : large;
    signed_lanes(out, &sign);
}

INLINE void e4m3_lanes(f32x16 *out, const u32x16 *codes) {
    u32x16 magnitude = *codes & 127, sign = (*codes & 128) << 24;
    f32x16 small = 0x1p-9f * __builtin_convertvector((i32x16)magnitude, f32x16);
    f32x16 large = (f32x16)((magnitude << 20) + (120u << 23));
    *out = magnitude < 8 ? small : large;
    signed_lanes(out, &sign);
}

// The number of each word's group, where a group has `words` words.
INLINE void spread(f32x16 *out, const float *x, long words) {
    if (words == 8) {
        f32x2 v = *(const f32x2 *)x;
        *out = __builtin_shufflevector(v, v, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    } else if (words == 4) {
        f32x4 v = *(const f32x4 *)x;
        *out = __builtin_shufflevector(v, v, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    } else if (words == 2) {
        f32x8 v = *(const f32x8 *)x;
        *out = __builtin_shufflevector(v, v, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    } else {
        *out = *x;
    }
}

// Adds the products of a step's words with ROWS rows of x to `total`.
#define STEP_OF(NAME, BITS, LANES_OF, ROWS)                                                        \
    INLINE void step_##NAME##_##ROWS(f32x16 *total, const u32 *words, const float *scale,          \
        const float *bias, long group, const float *x, long width, const float *sums,              \
        long sum_width) {                                                                          \
        _Pragma("clang fp contract(fast)")                                                         \
        u32x16 pack = *(const u32x16 *)words;                                                      \
        f32x16 dot[ROWS], factor;                                                                  \
        for (int row = 0; row < ROWS; row++) dot[row] = 0;                                         \
        _Pragma("clang loop unroll(full)") for (int k = 0; k < 32 / BITS; k++) {                   \
            u32x16 codes = pack >> (BITS * k) & ((1u << BITS) - 1);                                \
            f32x16 value;                                                                          \
            LANES_OF(&value, &codes);                                                              \
            for (int row = 0; row < ROWS; row++)                                                   \
                dot[row] += value * AT(f32x16, x + row * width, STEP * k);                         \
        }                                                                                          \
        spread(&factor, scale, group);                                                             \
        for (int row = 0; row < ROWS; row++) total[row] += factor * dot[row];                      \
        if (!bias) return;                                                                         \
        spread(&factor, bias, group);                                                              \
        for (int row = 0; row < ROWS; row++)                                                       \
            total[row] += factor * AT(f32x16, sums + row * sum_width, 0);                          \
    }

// The products of one row of weights with ROWS rows of x; the last step may be a part of one.
#define DOT_OF(NAME, BITS, ROWS)                                                                   \
    INLINE void dot_##NAME##_##ROWS(float *out, long stride, const u32 *words,                     \
        const float *scales, const float *biases, long count, long groups, const float *x,         \
        const float *sums) {                                                                       \
        long steps = (count + STEP - 1) / STEP, sum_width = steps * STEP;                          \
        long width = sum_width * (32 / BITS), group = count / groups, i = 0;                       \
        f32x16 total[ROWS];                                                                        \
        for (int row = 0; row < ROWS; row++) total[row] = 0;                                       \
        for (; i + STEP <= count; i += STEP)                                                       \
            step_##NAME##_##ROWS(total, words + i, scales + i / group,                             \
                biases ? biases + i / group : NULL, group, x + i * (32 / BITS), width, sums + i,   \
                sum_width);                                                                        \
        if (i < count) {                                                                           \
            u32 last[STEP] = {0};                                                                  \
            float scale[STEP] = {0}, bias[STEP] = {0};                                             \
            size_t left = (size_t)(groups - i / group) * sizeof(float);                            \
            memcpy(last, words + i, (size_t)(count - i) * sizeof(u32));                            \
            memcpy(scale, scales + i / group, left);                                               \
            if (biases) memcpy(bias, biases + i / group, left);                                    \
            step_##NAME##_##ROWS(total, last, scale, biases ? bias : NULL, group,                  \
                x + i * (32 / BITS), width, sums + i, sum_width);                                  \
        }                                                                                          \
        for (int row = 0; row < ROWS; row++) out[row * stride] = lanes_f32(&total[row]);           \
    }

#define DOTS(NAME, BITS, LANES_OF)                                                                 \
    STEP_OF(NAME, BITS, LANES_OF, 1)                                                               \
    STEP_OF(NAME, BITS, LANES_OF, 4)                                                               \
    DOT_OF(NAME, BITS, 1)                                                                          \
    DOT_OF(NAME, BITS, 4)                                                                          \
    KERNEL static void dots_##NAME(float *out, long stride, ck_quantized weights,                  \
        const float *x, const float *sums, long count) {                                           \
        long n = weights.word_count, groups = weights.group_count;                                 \
        long sum_width = (n + STEP - 1) / STEP * STEP, width = sum_width * (32 / BITS);            \
        for (long j = 0; j < weights.rows; j++) {                                                  \
            const u32 *words = (const u32 *)weights.words + j * n;                                 \
            const float *scales = weights.scales + j * groups;                                     \
            const float *biases = weights.biases ? weights.biases + j * groups : NULL;             \
            long i = 0;                                                                            \
            for (; i + 4 <= count; i += 4)                                                         \
                dot_##NAME##_4(out + i * stride + j, stride, words, scales, biases, n, groups,     \
                    x + i * width, sums + i * sum_width);                                          \
            for (; i < count; i++)                                                                 \
                dot_##NAME##_1(out + i * stride + j, stride, words, scales, biases, n, groups,     \
                    x + i * width, sums + i * sum_width);                                          \
        }                                                                                          \
    }
DOTS(2, 2, whole_lanes)
DOTS(4, 4, whole_lanes)
DOTS(8, 8, whole_lanes)
DOTS(e2m1, 4, e2m1_lanes)
DOTS(e4m3, 8, e4m3_lanes)

#define ARRANGE(BITS)                                                                              \
    KERNEL static void arrange_##BITS(float *out, float *sums, const float *x, long count) {       \
        enum { PER = 32 / BITS };                                                                  \
        for (long i = 0; i < (count + STEP - 1) / STEP * STEP; i++) {                              \
            float *place = out + i / STEP * STEP * PER + i % STEP;                                 \
            float sum = 0;                                                                         \
            for (int k = 0; k < PER; k++) {                                                        \
                float element = i < count ? x[i * PER + k] : 0;                                    \
                place[k * STEP] = element;                                                         \
                sum += element;                                                                    \
            }                                                                                      \
            sums[i] = sum;                                                                         \
        }                                                                                          \
    }
ARRANGE(2)
ARRANGE(4)
ARRANGE(8)

ck_quantized_dot _Nullable ck_quantized_dot_rows(int codes) {
    switch (codes) {
    case CK_CODES_2: return dots_2;
    case CK_CODES_4: return dots_4;
    case CK_CODES_8: return dots_8;
    case CK_CODES_E2M1: return dots_e2m1;
    case CK_CODES_E4M3: return dots_e4m3;
    default: return NULL;
    }
}

ck_quantized_arrange _Nullable ck_quantized_arrange_row(int codes) {
    switch (codes) {
    case CK_CODES_2: return arrange_2;
    case CK_CODES_4: case CK_CODES_E2M1: return arrange_4;
    case CK_CODES_8: case CK_CODES_E4M3: return arrange_8;
    default: return NULL;
    }
}
