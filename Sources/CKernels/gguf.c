// The quantized blocks of GGUF files, as gguf-py's quants.py describes them. Bytes have no
// alignment; q is the quantized number, d its scale, m or mn what is added or subtracted.

#include "ck_gguf.h"
#include "half.h"

#pragma STDC FP_CONTRACT OFF

enum { SMALL = 32, LARGE = 256 };

INLINE float read_f16(const u8 *in) {
    f16 value;
    memcpy(&value, in, sizeof value);
    return wide_f16(value);
}

INLINE void write_f16(u8 *out, float x) {
    f16 value = narrow_f16(x);
    memcpy(out, &value, sizeof value);
}

INLINE u32 read_u32(const u8 *in) {
    u32 value;
    memcpy(&value, in, sizeof value);
    return value;
}

// DEQUANTIZE(NAME, elements, bytes, body): the body turns the block `in` into the floats `out`.
#define DEQUANTIZE(NAME, ELEMENTS, BYTES, ...)                                                     \
    KERNEL static void dequantize_##NAME(void *result, const void *source, long blocks) {          \
        float *out = result;                                                                       \
        const u8 *in = source;                                                                     \
        for (long block = 0; block < blocks; block++, in += BYTES, out += ELEMENTS) __VA_ARGS__    \
    }

DEQUANTIZE(q4_0, SMALL, 18, {
    float d = read_f16(in);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)((in[2 + i] & 15) - 8);
        out[i + 16] = d * (float)((in[2 + i] >> 4) - 8);
    }
})

DEQUANTIZE(q4_1, SMALL, 20, {
    float d = read_f16(in), m = read_f16(in + 2);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)(in[4 + i] & 15) + m;
        out[i + 16] = d * (float)(in[4 + i] >> 4) + m;
    }
})

DEQUANTIZE(q5_0, SMALL, 22, {
    float d = read_f16(in);
    u32 high = read_u32(in + 2);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)((int)((in[6 + i] & 15) | (high >> i & 1) << 4) - 16);
        out[i + 16] = d * (float)((int)((in[6 + i] >> 4) | (high >> (i + 16) & 1) << 4) - 16);
    }
})

DEQUANTIZE(q5_1, SMALL, 24, {
    float d = read_f16(in), m = read_f16(in + 2);
    u32 high = read_u32(in + 4);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)((in[8 + i] & 15) | (high >> i & 1) << 4) + m;
        out[i + 16] = d * (float)((in[8 + i] >> 4) | (high >> (i + 16) & 1) << 4) + m;
    }
})

DEQUANTIZE(q8_0, SMALL, 34, {
    float d = read_f16(in);
    for (int i = 0; i < SMALL; i++) out[i] = d * (float)(i8)in[2 + i];
})

// Two bits of element e: four elements a byte, 32 apart, in two halves.
INLINE int two_bits(const u8 *qs, int e) {
    return qs[e / 128 * 32 + e % 32] >> (e % 128 / 32 * 2) & 3;
}

DEQUANTIZE(q2_k, LARGE, 84, {
    const u8 *qs = in + 16;
    float d = read_f16(in + 80), least = read_f16(in + 82);
    for (int e = 0; e < LARGE; e++) {
        float scale = d * (float)(in[e / 16] & 15), mn = least * (float)(in[e / 16] >> 4);
        out[e] = scale * (float)two_bits(qs, e) - mn;
    }
})

DEQUANTIZE(q3_k, LARGE, 110, {
    const u8 *qs = in + 32, *scales = in + 96;
    float d = read_f16(in + 108);
    for (int e = 0; e < LARGE; e++) {
        int j = e / 16;
        int low = j < 8 ? scales[j] & 15 : scales[j - 8] >> 4;
        int scale = (low | (scales[8 + j % 4] >> (2 * (j / 4)) & 3) << 4) - 32;
        int q = two_bits(qs, e) - ((in[e % 32] >> (e / 32) & 1) ? 0 : 4);
        out[e] = d * (float)scale * (float)q;
    }
})

// The scale and the minimum of sub-block k of eight: six bits each, packed in twelve bytes.
INLINE void scale_and_minimum(const u8 *s, int k, int *scale, int *minimum) {
    if (k < 4) {
        *scale = s[k] & 63;
        *minimum = s[k + 4] & 63;
    } else {
        *scale = (s[k + 4] & 15) | (s[k - 4] >> 6) << 4;
        *minimum = (s[k + 4] >> 4) | (s[k] >> 6) << 4;
    }
}

DEQUANTIZE(q4_k, LARGE, 144, {
    float d = read_f16(in), least = read_f16(in + 2);
    for (int k = 0; k < 8; k++) {
        int scale, minimum;
        scale_and_minimum(in + 4, k, &scale, &minimum);
        const u8 *qs = in + 16 + k / 2 * 32;
        for (int i = 0; i < 32; i++)
            out[32 * k + i] =
                d * (float)scale * (float)(qs[i] >> (k % 2 * 4) & 15) - least * (float)minimum;
    }
})

DEQUANTIZE(q5_k, LARGE, 176, {
    float d = read_f16(in), least = read_f16(in + 2);
    for (int k = 0; k < 8; k++) {
        int scale, minimum;
        scale_and_minimum(in + 4, k, &scale, &minimum);
        const u8 *high = in + 16, *qs = in + 48 + k / 2 * 32;
        for (int i = 0; i < 32; i++) {
            int q = (qs[i] >> (k % 2 * 4) & 15) | (high[i] >> k & 1) << 4;
            out[32 * k + i] = d * (float)scale * (float)q - least * (float)minimum;
        }
    }
})

DEQUANTIZE(q6_k, LARGE, 210, {
    const i8 *scales = (const i8 *)in + 192;
    float d = read_f16(in + 208);
    for (int e = 0; e < LARGE; e++) {
        int half = e / 128, quarter = e % 128 / 32, lane = e % 32;
        int low = in[64 * half + lane + quarter % 2 * 32] >> (quarter / 2 * 4) & 15;
        int high = in[128 + 32 * half + lane] >> (2 * quarter) & 3;
        out[e] = d * (float)scales[e / 16] * (float)((low | high << 4) - 32);
    }
})

// The whole part of x, kept in 0 ... most; NaN gives 0.
INLINE u8 code(float x, int most) {
    return x >= (float)most ? (u8)most : x >= 0 ? (u8)x : 0;
}

// Codes around a middle by the signed element of the largest magnitude; gives the scale.
INLINE float centred_codes(u8 *codes, const float *in, int middle) {
    float largest = 0;
    for (int i = 0; i < SMALL; i++)
        if (__builtin_fabsf(in[i]) > __builtin_fabsf(largest)) largest = in[i];
    float d = largest / (float)-middle, inverse = d == 0 ? 0 : 1 / d;
    for (int i = 0; i < SMALL; i++)
        codes[i] = code(in[i] * inverse + ((float)middle + 0.5f), 2 * middle - 1);
    return d;
}

// Codes from the smallest element to the largest; gives the scale.
INLINE float ranged_codes(u8 *codes, const float *in, int most, float *minimum) {
    float low = in[0], high = in[0];
    for (int i = 1; i < SMALL; i++) {
        low = in[i] < low ? in[i] : low;
        high = in[i] > high ? in[i] : high;
    }
    float d = (high - low) / (float)most, inverse = d == 0 ? 0 : 1 / d;
    for (int i = 0; i < SMALL; i++) codes[i] = code((in[i] - low) * inverse + 0.5f, most);
    *minimum = low;
    return d;
}

INLINE void pack_nibbles(u8 *out, const u8 *codes) {
    for (int i = 0; i < 16; i++) out[i] = (u8)((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

INLINE void pack_fifth_bits(u8 *out, const u8 *codes) {
    u32 bits = 0;
    for (int i = 0; i < SMALL; i++) bits |= (u32)(codes[i] >> 4) << i;
    memcpy(out, &bits, sizeof bits);
}

#define QUANTIZE(NAME, BYTES, ...)                                                                 \
    KERNEL static void quantize_##NAME(void *result, const void *source, long blocks) {            \
        u8 *out = result;                                                                          \
        const float *in = source;                                                                  \
        u8 codes[SMALL];                                                                           \
        for (long block = 0; block < blocks; block++, in += SMALL, out += BYTES) __VA_ARGS__       \
    }

QUANTIZE(q4_0, 18, {
    write_f16(out, centred_codes(codes, in, 8));
    pack_nibbles(out + 2, codes);
})

QUANTIZE(q4_1, 20, {
    float minimum;
    write_f16(out, ranged_codes(codes, in, 15, &minimum));
    write_f16(out + 2, minimum);
    pack_nibbles(out + 4, codes);
})

QUANTIZE(q5_0, 22, {
    write_f16(out, centred_codes(codes, in, 16));
    pack_fifth_bits(out + 2, codes);
    pack_nibbles(out + 6, codes);
})

QUANTIZE(q5_1, 24, {
    float minimum;
    write_f16(out, ranged_codes(codes, in, 31, &minimum));
    write_f16(out + 2, minimum);
    pack_fifth_bits(out + 4, codes);
    pack_nibbles(out + 8, codes);
})

QUANTIZE(q8_0, 34, {
    float largest = 0;
    for (int i = 0; i < SMALL; i++)
        if (__builtin_fabsf(in[i]) > largest) largest = __builtin_fabsf(in[i]);
    float d = largest / 127, inverse = d == 0 ? 0 : 1 / d;
    write_f16(out, d);
    for (int i = 0; i < SMALL; i++) {
        float magnitude = __builtin_fabsf(in[i] * inverse);
        int whole = code(magnitude, 127);
        // A half goes away from zero.
        if (whole < 127 && magnitude - (float)whole >= 0.5f) whole++;
        codes[i] = (u8)(in[i] < 0 ? -whole : whole);
    }
    memcpy(out + 2, codes, SMALL);
})

ck_blocks _Nullable ck_gguf_dequantize(int type) {
    switch (type) {
    case CK_Q4_0: return dequantize_q4_0;
    case CK_Q4_1: return dequantize_q4_1;
    case CK_Q5_0: return dequantize_q5_0;
    case CK_Q5_1: return dequantize_q5_1;
    case CK_Q8_0: return dequantize_q8_0;
    case CK_Q2_K: return dequantize_q2_k;
    case CK_Q3_K: return dequantize_q3_k;
    case CK_Q4_K: return dequantize_q4_k;
    case CK_Q5_K: return dequantize_q5_k;
    case CK_Q6_K: return dequantize_q6_k;
    default: return NULL;
    }
}

ck_blocks _Nullable ck_gguf_quantize(int type) {
    switch (type) {
    case CK_Q4_0: return quantize_q4_0;
    case CK_Q4_1: return quantize_q4_1;
    case CK_Q5_0: return quantize_q5_0;
    case CK_Q5_1: return quantize_q5_1;
    case CK_Q8_0: return quantize_q8_0;
    default: return NULL;
    }
}
