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

// Two bits of exponent and one of mantissa; below 1 the steps are halves.
INLINE float e2m1(u32 code) {
    u32 magnitude = code & 7;
    float value = magnitude < 2 ? 0.5f * (float)(i32)magnitude
                                : float_of_bits((magnitude << 22) + (126u << 23));
    return code & 8 ? -value : value;
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

// Eight codes of BITS bits are BITS bytes.
INLINE void eight_2(u32 *codes, const u8 *in) {
    u16 pack;
    memcpy(&pack, in, sizeof pack);
    for (int i = 0; i < 8; i++) codes[i] = (u32)pack >> 2 * i & 3;
}
INLINE void eight_3(u32 *codes, const u8 *in) {
    u32 pack = (u32)in[0] | (u32)in[1] << 8 | (u32)in[2] << 16;
    for (int i = 0; i < 8; i++) codes[i] = pack >> 3 * i & 7;
}
INLINE void eight_4(u32 *codes, const u8 *in) {
    u32 pack;
    memcpy(&pack, in, sizeof pack);
    for (int i = 0; i < 8; i++) codes[i] = pack >> 4 * i & 15;
}
INLINE void eight_5(u32 *codes, const u8 *in) {
    u32 low, high;
    memcpy(&low, in, sizeof low);
    memcpy(&high, in + 1, sizeof high);
    high >>= 12;
    for (int i = 0; i < 4; i++) codes[i] = low >> 5 * i & 31;
    for (int i = 0; i < 4; i++) codes[i + 4] = high >> 5 * i & 31;
}
INLINE void eight_6(u32 *codes, const u8 *in) {
    u32 low, high;
    memcpy(&low, in, sizeof low);
    memcpy(&high, in + 2, sizeof high);
    high >>= 8;
    for (int i = 0; i < 4; i++) codes[i] = low >> 6 * i & 63;
    for (int i = 0; i < 4; i++) codes[i + 4] = high >> 6 * i & 63;
}
INLINE void eight_8(u32 *codes, const u8 *in) {
    for (int i = 0; i < 8; i++) codes[i] = in[i];
}

#endif
