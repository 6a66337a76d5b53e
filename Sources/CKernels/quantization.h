// Codes of quantized weights: eight of them at a time, and the floats of 4 and 8 bits.

#ifndef CK_QUANTIZATION_CODES_H
#define CK_QUANTIZATION_CODES_H

#include "row.h"

#include <math.h>

INLINE float float_of_bits(u32 bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Four bits of exponent and three of mantissa; below 2^-6 the steps are 2^-9.
INLINE float e4m3(u32 code) {
    u32 magnitude = code & 127;
    float value = magnitude < 8 ? 0x1p-9f * (float)(i32)magnitude
                                : float_of_bits((magnitude << 20) + (120u << 23));
    return code & 128 ? -value : value;
}

// The nearest, the smaller of two; zero has no sign.
INLINE u32 e2m1_code(float x) {
    float size = fabsf(x);
    u32 magnitude = (u32)(size > 0.25f) + (size > 0.75f) + (size > 1.25f) + (size > 1.75f) +
                    (size > 2.5f) + (size > 3.5f) + (size > 5);
    return magnitude | (u32)(x < 0 && magnitude > 0) << 3;
}

// The nearest, the even of two, at most 448; so is NaN. Adding a power of two that has the wanted
// last place rounds small numbers; others are rounded in their bits.
INLINE u32 e4m3_code(float x) {
    u32 bits;
    memcpy(&bits, &x, sizeof bits);
    u32 sign = bits >> 24 & 128;
    bits &= 0x7FFFFFFF;
    float size = float_of_bits(bits), shifted = size + 0x1p14f;
    u32 small;
    memcpy(&small, &shifted, sizeof small);
    u32 large = (bits + 0x7FFFF + (bits >> 20 & 1) - (120u << 23)) >> 20;
    u32 magnitude = size < 0x1p-6f ? small & 15 : size < 464 ? large : 126;
    return sign | magnitude;
}

typedef u32 u32x8 __attribute__((ext_vector_type(8), aligned(4)));
typedef u8 u8x8 __attribute__((ext_vector_type(8), aligned(1)));
typedef i32 i32x8 __attribute__((ext_vector_type(8), aligned(4)));
typedef f32 f32x8 __attribute__((ext_vector_type(8), aligned(4)));

// Eight codes of BITS bits are BITS bytes.
INLINE void eight_2(u32x8 *codes, const u8 *in) {
    u16 pack;
    memcpy(&pack, in, sizeof pack);
    *codes = (u32x8)(u32)pack >> (u32x8){0, 2, 4, 6, 8, 10, 12, 14} & 3;
}
INLINE void eight_3(u32x8 *codes, const u8 *in) {
    u32 pack = (u32)in[0] | (u32)in[1] << 8 | (u32)in[2] << 16;
    *codes = (u32x8)pack >> (u32x8){0, 3, 6, 9, 12, 15, 18, 21} & 7;
}
INLINE void eight_4(u32x8 *codes, const u8 *in) {
    u32 pack;
    memcpy(&pack, in, sizeof pack);
    *codes = (u32x8)pack >> (u32x8){0, 4, 8, 12, 16, 20, 24, 28} & 15;
}
// The first four codes end within the first four bytes, the others begin in the last four.
INLINE void eight_5(u32x8 *codes, const u8 *in) {
    u32 low, high;
    memcpy(&low, in, sizeof low);
    memcpy(&high, in + 1, sizeof high);
    u32x8 pack = {low, low, low, low, high, high, high, high};
    *codes = pack >> (u32x8){0, 5, 10, 15, 12, 17, 22, 27} & 31;
}
INLINE void eight_6(u32x8 *codes, const u8 *in) {
    u32 low, high;
    memcpy(&low, in, sizeof low);
    memcpy(&high, in + 2, sizeof high);
    u32x8 pack = {low, low, low, low, high, high, high, high};
    *codes = pack >> (u32x8){0, 6, 12, 18, 8, 14, 20, 26} & 63;
}
INLINE void eight_8(u32x8 *codes, const u8 *in) {
    u8x8 bytes;
    memcpy(&bytes, in, sizeof bytes);
    *codes = __builtin_convertvector(bytes, u32x8);
}

// What codes stand for. Floats of 4 bits have two of exponent and one of mantissa, and steps of a
// half below 1.
INLINE void whole_eight(f32x8 *out, const u32x8 *codes) {
    *out = __builtin_convertvector((i32x8)*codes, f32x8);
}
INLINE void e2m1_eight(f32x8 *out, const u32x8 *codes) {
    u32x8 magnitude = *codes & 7;
    f32x8 small = 0.5f * __builtin_convertvector((i32x8)magnitude, f32x8);
    f32x8 large = (f32x8)((magnitude << 22) + (126u << 23));
    f32x8 value = magnitude < 2 ? small : large;
    *out = (f32x8)((u32x8)value | (*codes & 8) << 28);
}
INLINE void e4m3_eight(f32x8 *out, const u32x8 *codes) {
    u32x8 magnitude = *codes & 127;
    f32x8 small = 0x1p-9f * __builtin_convertvector((i32x8)magnitude, f32x8);
    f32x8 large = (f32x8)((magnitude << 20) + (120u << 23));
    f32x8 value = magnitude < 8 ? small : large;
    *out = (f32x8)((u32x8)value | (*codes & 128) << 24);
}

#endif
