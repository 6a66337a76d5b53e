// The quantized blocks of GGUF files.

#ifndef CK_GGUF_H
#define CK_GGUF_H

#pragma clang assume_nonnull begin

/// The block types, numbered as the format numbers them.
enum ck_gguf_type {
    CK_Q4_0 = 2,
    CK_Q4_1 = 3,
    CK_Q5_0 = 6,
    CK_Q5_1 = 7,
    CK_Q8_0 = 8,
    CK_Q2_K = 10,
    CK_Q3_K = 11,
    CK_Q4_K = 12,
    CK_Q5_K = 13,
    CK_Q6_K = 14
};

/// Turns a number of blocks into float32, or float32 into blocks.
typedef void (*ck_blocks)(void *out, const void *in, long blocks);

/// NULL for other types.
ck_blocks _Nullable ck_gguf_dequantize(int type);
/// Numbers that are not finite give blocks without meaning; NULL for the K types and others.
ck_blocks _Nullable ck_gguf_quantize(int type);

#pragma clang assume_nonnull end

#endif
