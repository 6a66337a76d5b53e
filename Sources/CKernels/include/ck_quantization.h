// Quantized weights: codes packed into words from the lowest bits on; a group of codes of a row has
// a scale, and in the affine format a bias.

#ifndef CK_QUANTIZATION_H
#define CK_QUANTIZATION_H

#pragma clang assume_nonnull begin

/// What a code stands for: a whole number of so many bits, or a float of 4 bits (two of exponent,
/// one of mantissa) or 8 bits (four and three).
enum ck_codes {
    CK_CODES_2 = 2,
    CK_CODES_3 = 3,
    CK_CODES_4 = 4,
    CK_CODES_5 = 5,
    CK_CODES_6 = 6,
    CK_CODES_8 = 8,
    CK_CODES_E2M1 = 104,
    CK_CODES_E4M3 = 108
};

/// What a byte that is a scale stands for: a power of two, or a float with four bits of exponent.
enum ck_scale_codes { CK_SCALE_E8M0 = 0, CK_SCALE_E4M3 = 1 };

/// Makes codes, scales and biases (float32) of whole groups; a code is the nearest whole number to
/// (in - bias) / scale.
typedef void (*ck_quantize)(
    void *words, float *scales, float *biases, const float *in, long groups, long group);
ck_quantize _Nullable ck_quantize_affine(int codes);

/// Makes codes that are floats, and scales of a byte, of whole groups; a scale is stored times
/// `factor`.
typedef void (*ck_quantize_float)(void *words, uint8_t *scales, const float *in, long groups,
    long group, float factor);
ck_quantize_float _Nullable ck_quantize_floats(int codes, int scale_codes);

/// out = code · scale + bias for whole groups, in the type of out, scales and biases; codes that
/// are floats have no biases.
typedef void (*ck_dequantize)(void *out, const void *words, const void *scales,
    const void *_Nullable biases, long groups, long group);
ck_dequantize _Nullable ck_dequantize_groups(int codes, int dtype);

/// Scales of a byte as float32 or float64.
ck_unary _Nullable ck_quantized_scales(int scale_codes, int dtype);

/// float32 or float64 to floats of 8 bits with four of exponent: nearest, ties to even; beyond 448
/// and for NaN it is 448.
ck_unary _Nullable ck_to_fp8(int dtype);
/// The way back, to float32; the codes without a number, 0x7F and 0xFF, give 480 and -480.
ck_unary _Nullable ck_from_fp8(int dtype);

/// Words that a step of ck_quantized_dot takes.
enum { CK_QUANTIZED_LANES = 16 };

/// Rows of packed weights, each of whole words and groups.
typedef struct {
    const void *words;
    const float *scales;
    const float *_Nullable biases;
    long rows;
    /// Words and groups of a row.
    long word_count;
    long group_count;
} ck_quantized;

/// Puts a row of x in the order in which ck_quantized_dot meets its elements, with zeros up to a
/// whole number of steps, and sums the elements of each word.
typedef void (*ck_quantized_arrange)(float *out, float *sums, const float *x, long word_count);
ck_quantized_arrange _Nullable ck_quantized_arrange_row(int codes);

/// out[i·stride + j] = row i of x · row j of the weights, for `count` arranged rows of x.
typedef void (*ck_quantized_dot)(float *out, long stride, ck_quantized weights, const float *x,
    const float *sums, long count);
/// NULL for codes that run over the ends of words.
ck_quantized_dot _Nullable ck_quantized_dot_rows(int codes);

#pragma clang assume_nonnull end

#endif
