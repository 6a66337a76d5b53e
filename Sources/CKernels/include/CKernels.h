// Leaf loops over contiguous memory: no shapes, no allocation, no threads, no errors.
//
// An elementwise operation is a lookup function that takes the dtype of its inputs and gives the
// kernel, or NULL where the operation is not defined for that dtype. Elementwise kernels may write
// over an input as long as `out` and the input start at the same address. float16 and bfloat16 are
// storage formats: convert to float32, compute, convert back. `n` is a count of elements.

#ifndef CKERNELS_H
#define CKERNELS_H

#include "ck_gguf.h"
#include "ck_matmul.h"
#include "ck_moments.h"
#include "ck_optimizer.h"
#include "ck_scatter.h"
#include "ck_tile.h"
#include "ck_window.h"
#include "ck_winograd.h"

#include <stdint.h>

#include "ck_scan.h"
#include "ck_sorting.h"

#pragma clang assume_nonnull begin

/// The element types, numbered as MLX numbers them; bool is one byte holding 0 or 1, and complex64
/// is two float32 (real, imaginary).
enum ck_dtype {
    CK_BOOL = 0,
    CK_U8,
    CK_U16,
    CK_U32,
    CK_U64,
    CK_I8,
    CK_I16,
    CK_I32,
    CK_I64,
    CK_F16,
    CK_F32,
    CK_F64,
    CK_BF16,
    CK_C64,
    CK_DTYPE_COUNT
};

/// out[i] = f(a[i])
typedef void (*ck_unary)(void *out, const void *a, long n);
/// out[i] = f(a[i], b[i])
typedef void (*ck_binary)(void *out, const void *a, const void *b, long n);
/// out[i] = f(a[i], b[i], c[i])
typedef void (*ck_ternary)(void *out, const void *a, const void *b, const void *c, long n);
/// out[i] = f(a[i], b[i], c[i], d[i])
typedef void (*ck_quaternary)(
    void *out, const void *a, const void *b, const void *c, const void *d, long n);
/// out[0] = f(in[0], …, in[n - 1])
typedef void (*ck_reduce)(void *out, const void *in, long n);
/// Of n elements with the position of one of them, 0 ..< n; and a second operand beside them.
typedef void (*ck_choice)(void *out, const void *in, long choice, long n);
typedef void (*ck_choice_change)(
    void *out, const void *in, const void *change, long choice, long n);
/// out[j] = f(in[j], in[j + stride], …, in[j + (count - 1)·stride]), joined to out[j] where
/// `is_joined`; the count is a multiple of 8.
typedef void (*ck_eights)(
    void *out, const void *in, long stride, long columns, long count, int is_joined);
/// out[r·ors + c·ocs] += in[r·irs + c·ics]; strides in elements.
typedef void (*ck_accumulate)(
    void *out, const void *in, long rows, long cols, long ors, long ocs, long irs, long ics);
/// Adds updates at indices; gives -1, or the position of the first index out of range.
typedef long (*ck_scatter)(
    void *out, const void *updates, const int64_t *idx, long n, long axis_size, long inner);
typedef long (*ck_scatter_along)(void *out, const void *updates, const int64_t *idx, long rows,
    long width, long pitch, long stride, long axis_size);
/// out[i] = start + (first + i)·step
typedef void (*ck_range)(void *out, double start, double step, long first, long n);

// MARK: arithmetic. Integers wrap; bool add is or, bool multiply is and.

ck_unary _Nullable ck_negative(int dtype);
/// The magnitude; complex64 gives float32.
ck_unary _Nullable ck_abs(int dtype);
/// -1, 0 or 1 (0 for NaN); complex64 gives a / |a|.
ck_unary _Nullable ck_sign(int dtype);
ck_unary _Nullable ck_square(int dtype);
ck_unary _Nullable ck_floor(int dtype);
ck_unary _Nullable ck_ceil(int dtype);
/// To the nearest integer, halves to even.
ck_unary _Nullable ck_round(int dtype);
ck_unary _Nullable ck_reciprocal(int dtype);
ck_binary _Nullable ck_add(int dtype);
ck_binary _Nullable ck_subtract(int dtype);
ck_binary _Nullable ck_multiply(int dtype);
/// True division: float32, float64, complex64.
ck_binary _Nullable ck_divide(int dtype);
/// Rounds towards minus infinity; an integer divided by zero gives 0.
ck_binary _Nullable ck_floor_divide(int dtype);
/// The remainder with the sign of the divisor; an integer modulo zero gives 0.
ck_binary _Nullable ck_remainder(int dtype);
/// a to the power b; an integer to a negative power is 0 unless the base is 1 or -1.
ck_binary _Nullable ck_power(int dtype);
/// What a kernel does where its second operand is one number for all elements, as a kernel of the
/// first one alone; NULL where there is no quicker one.
ck_unary _Nullable ck_with_number(ck_binary kernel, const void *number);
/// The same kernel for a first, or a second, operand that is one number for all elements; NULL
/// where there is none.
ck_binary _Nullable ck_with_one(ck_binary kernel, int is_first);
/// What two kernels do one after the other, where the second one's first, or second, operand is
/// what the first one makes: of the first one's operands and the second one's other one. NULL where
/// there is none.
ck_ternary _Nullable ck_two_in_one(ck_binary first, ck_binary second, int is_made_first);
/// The larger of two; NaN if either is NaN.
ck_binary _Nullable ck_maximum(int dtype);
/// The smaller of two; NaN if either is NaN.
ck_binary _Nullable ck_minimum(int dtype);
/// log(exp(a) + exp(b))
ck_binary _Nullable ck_logaddexp(int dtype);
/// The angle of the point (b, a).
ck_binary _Nullable ck_arctan2(int dtype);

// MARK: bits and truth. Shifts by the width or more give 0. Logical operations give bool.

ck_unary _Nullable ck_bitwise_not(int dtype);
ck_binary _Nullable ck_bitwise_and(int dtype);
ck_binary _Nullable ck_bitwise_or(int dtype);
ck_binary _Nullable ck_bitwise_xor(int dtype);
ck_binary _Nullable ck_left_shift(int dtype);
ck_binary _Nullable ck_right_shift(int dtype);
ck_unary _Nullable ck_logical_not(int dtype);
ck_binary _Nullable ck_logical_and(int dtype);
ck_binary _Nullable ck_logical_or(int dtype);

// MARK: comparison. All give bool; complex64 is ordered by real, then imaginary part.

ck_binary _Nullable ck_equal(int dtype);
ck_binary _Nullable ck_not_equal(int dtype);
ck_binary _Nullable ck_less(int dtype);
ck_binary _Nullable ck_less_equal(int dtype);
ck_binary _Nullable ck_greater(int dtype);
ck_binary _Nullable ck_greater_equal(int dtype);

/// out[i] = a[i] ? b[i] : c[i], where `a` is bool and the others have items of 1, 2, 4 or 8 bytes.
ck_ternary _Nullable ck_select(int itemsize);

// MARK: exponential, trigonometric, hyperbolic: float32, float64, and complex64 where it is simple.

ck_unary _Nullable ck_exp(int dtype);
ck_unary _Nullable ck_expm1(int dtype);
ck_unary _Nullable ck_log(int dtype);
ck_unary _Nullable ck_log1p(int dtype);
ck_unary _Nullable ck_log2(int dtype);
ck_unary _Nullable ck_log10(int dtype);
ck_unary _Nullable ck_sqrt(int dtype);
/// 1 / sqrt(a), both operations correctly rounded.
ck_unary _Nullable ck_rsqrt(int dtype);
ck_unary _Nullable ck_sin(int dtype);
ck_unary _Nullable ck_cos(int dtype);
ck_unary _Nullable ck_tan(int dtype);
ck_unary _Nullable ck_sinh(int dtype);
ck_unary _Nullable ck_cosh(int dtype);
ck_unary _Nullable ck_tanh(int dtype);
ck_unary _Nullable ck_asin(int dtype);
ck_unary _Nullable ck_acos(int dtype);
ck_unary _Nullable ck_atan(int dtype);
ck_unary _Nullable ck_asinh(int dtype);
ck_unary _Nullable ck_acosh(int dtype);
ck_unary _Nullable ck_atanh(int dtype);
/// 1 / (1 + exp(-a))
ck_unary _Nullable ck_sigmoid(int dtype);
/// x·(1 + erf(x/√2)) / 2
ck_unary _Nullable ck_gelu(int dtype);
/// The derivative of it.
ck_unary _Nullable ck_gelu_slope(int dtype);
/// x·(1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2
ck_unary _Nullable ck_gelu_tanh(int dtype);
/// The derivative of it.
ck_unary _Nullable ck_gelu_tanh_slope(int dtype);
ck_unary _Nullable ck_erf(int dtype);
/// The inverse of erf; in float32 the polynomial that MLX uses, bit for bit.
ck_unary _Nullable ck_erfinv(int dtype);

/// Converts elements. To bool is `!= 0`; floats to integers truncate, saturate, and take NaN to 0;
/// to the half types rounds to nearest even; complex64 to real takes the real part. Widening must
/// not be done in place.
ck_unary _Nullable ck_convert(int from, int to);

// MARK: reduction of one contiguous row. float32 sums do not depend on the instruction set.

/// The sum, in the dtype of the input; 0 when n is 0.
ck_reduce _Nullable ck_sum_row(int dtype);
/// The product, in the dtype of the input; 1 when n is 0.
ck_reduce _Nullable ck_product_row(int dtype);
/// The largest element, NaN if there is one; n must be at least 1.
ck_reduce _Nullable ck_max_row(int dtype);
/// The smallest element, NaN if there is one; n must be at least 1.
ck_reduce _Nullable ck_min_row(int dtype);
/// Whether all are true; bool only.
ck_reduce _Nullable ck_all_row(int dtype);
/// Whether one is true; bool only.
ck_reduce _Nullable ck_any_row(int dtype);
/// The first index of the largest element, or of the first NaN, as uint32; n must be at least 1.
ck_reduce _Nullable ck_argmax_row(int dtype);
/// The first index of the smallest element, or of the first NaN, as uint32; n must be at least 1.
ck_reduce _Nullable ck_argmin_row(int dtype);

/// Rows added, or the largest or the smallest of each column, NaN if there is one; float32 and
/// float64.
ck_eights _Nullable ck_add_eights(int dtype);
ck_eights _Nullable ck_maximum_eights(int dtype);
ck_eights _Nullable ck_minimum_eights(int dtype);

/// The softmax of a row of n, n values out; float32 and float64. May be done in place.
ck_unary _Nullable ck_softmax_row(int dtype);
/// The logarithm of it.
ck_unary _Nullable ck_logsoftmax_row(int dtype);
/// log(Σ exp(in[i])); float32 and float64.
ck_reduce _Nullable ck_logsumexp_row(int dtype);
/// log(Σ exp(in[i])) - in[choice]; float32 and float64.
ck_choice _Nullable ck_cross_entropy_row(int dtype);
/// out[i] = change[0]·(softmax(in)[i] - (i == choice)); float32 and float64. May be done in place.
ck_choice_change _Nullable ck_cross_entropy_gradient_row(int dtype);

// MARK: layout

/// out[r·ors + c·ocs] = in[r·irs + c·ics]; strides in elements, negative or 0 (input only) allowed;
/// items of 1, 2, 4 or 8 bytes. The two must not overlap.
void ck_copy_2d(void *out, const void *in, long rows, long cols, long out_row_stride,
    long out_col_stride, long in_row_stride, long in_col_stride, int itemsize);
/// Copies bytes to memory that is not in the caches, without reading it first and without pushing
/// out what they hold; asks meanwhile for as many bytes from each of `count` places ahead, at most
/// three of them, as memory reads and writes at once faster than in turns.
void ck_copy_past_caches(void *out, const void *in, long bytes,
    const void *_Nonnull const *_Nullable ahead, long count);
/// Asks for bytes that will be read or written: where no cache holds them, who does so would wait
/// for each line.
void ck_ask(const void *memory, long bytes);
/// Other threads may read what this one has copied past the caches once they are told after this.
void ck_await_copies(void);
/// Adds a strided matrix to another; an output stride of 0 sums along that axis, in order.
ck_accumulate _Nullable ck_accumulate_2d(int dtype);

// MARK: indexing. Negative indices count from the end. All give -1, or the first position whose
// index is out of range; they stop there.

/// out row i = src row idx[i], for n rows of row_bytes.
long ck_take_rows(void *out, const void *src, const int64_t *idx, long n, long axis_size,
    long row_bytes);
/// out[r·pitch + c] = src[idx[r·pitch + c]·stride + c], for `width` columns.
long ck_take_along(void *out, const void *src, const int64_t *idx, long rows, long width,
    long pitch, long stride, long axis_size, int itemsize);
/// out[idx[r·pitch + c]·stride + c] = updates[r·pitch + c], in order of r.
long ck_put_along(void *out, const void *updates, const int64_t *idx, long rows, long width,
    long pitch, long stride, long axis_size, int itemsize);
/// The position of the first of such indices outside an axis.
long ck_first_outside(const int64_t *idx, long rows, long width, long pitch, long axis_size);
/// out[idx[i]·inner + k] += updates[i·inner + k], in order of i.
ck_scatter _Nullable ck_scatter_add_rows(int dtype);
/// out[idx[r·pitch + c]·stride + c] += updates[r·pitch + c], in order of r.
ck_scatter_along _Nullable ck_scatter_add_along(int dtype);

/// Evenly spaced values; integers step by the difference of the truncated first two.
ck_range _Nullable ck_arange_fill(int dtype);

// MARK: random bits and fingerprints

/// Threefry-2x32 bits of MLX's layout: for i in first ..< first + count, with h = words / 2 and
/// odd = words % 2, (out[i], out[h + odd + i]) = hash(key, (i, h + odd + i)); index h, which exists
/// when words is odd, gives out[h] = hash(key, (h, 0)).first.
void ck_threefry(uint32_t *out, uint32_t key0, uint32_t key1, long words, long first, long count);

/// A 64-bit fingerprint of bytes, the same on every machine; not cryptographic.
uint64_t ck_hash64(const void *data, long bytes, uint64_t seed);

#pragma clang assume_nonnull end

#include "ck_complex.h"
#include "ck_fourier.h"
#include "ck_fast.h"
#include "ck_quantization.h"
#include "ck_attention_step.h"
#include "ck_projection.h"
#include "ck_recurrent.h"
#include "ck_tangent.h"

#endif
