// Derivatives of elementwise and row operations in one pass. All are defined for float32 and
// float64; the lookup functions give NULL for other dtypes.

#ifndef CK_TANGENT_H
#define CK_TANGENT_H

#pragma clang assume_nonnull begin

// MARK: slopes, by the argument x or the result y of the operation

/// -y²
ck_unary _Nullable ck_reciprocal_slope(int dtype);
/// -y³/2
ck_unary _Nullable ck_rsqrt_slope(int dtype);
/// -sin(x)
ck_unary _Nullable ck_cos_slope(int dtype);
/// 1 + y²
ck_unary _Nullable ck_tan_slope(int dtype);
/// 1 - y²
ck_unary _Nullable ck_tanh_slope(int dtype);
/// y·(1 - y)
ck_unary _Nullable ck_sigmoid_slope(int dtype);
/// 1 / √(1 - x²)
ck_unary _Nullable ck_asin_slope(int dtype);
/// -1 / √(1 - x²)
ck_unary _Nullable ck_acos_slope(int dtype);
/// 1 / (1 + x²)
ck_unary _Nullable ck_atan_slope(int dtype);
/// 1 / √(x² + 1)
ck_unary _Nullable ck_asinh_slope(int dtype);
/// 1 / √(x² - 1)
ck_unary _Nullable ck_acosh_slope(int dtype);
/// 1 / (1 - x²)
ck_unary _Nullable ck_atanh_slope(int dtype);
/// 2/√π·exp(-x²)
ck_unary _Nullable ck_erf_slope(int dtype);
/// √π/2·exp(y²)
ck_unary _Nullable ck_erfinv_slope(int dtype);

// MARK: tangents of operations on a and b, by those of a and b; one that is 0 adds nothing

/// b·da + a·db
ck_quaternary _Nullable ck_multiply_tangent(int dtype);
/// (da - a / b·db) / b
ck_quaternary _Nullable ck_divide_tangent(int dtype);
/// da - floor(a / b)·db
ck_quaternary _Nullable ck_remainder_tangent(int dtype);
/// b·a^(b - 1)·da + a^b·log(a)·db; 0 to a power does not depend on the power.
ck_quaternary _Nullable ck_power_tangent(int dtype);
/// (b·da - a·db) / (a² + b²)
ck_quaternary _Nullable ck_arctan2_tangent(int dtype);
/// The mean of da and db, weighted by the shares of exp(a) and exp(b).
ck_quaternary _Nullable ck_logaddexp_tangent(int dtype);

// MARK: tangents of rows

/// out[i] = y[i]·(dx[i] - Σ y·dx), for a row y of softmax
ck_binary _Nullable ck_softmax_tangent_row(int dtype);
/// out[i] = dx[i] - Σ exp(y)·dx, for a row y of its logarithm
ck_binary _Nullable ck_logsoftmax_tangent_row(int dtype);
/// out[0] = Σ softmax(x)·dx
ck_binary _Nullable ck_logsumexp_tangent_row(int dtype);
/// out[0] = Σ softmax(x)·dx - dx[choice]
ck_choice_change _Nullable ck_cross_entropy_tangent_row(int dtype);
/// out[0] = the mean of dx where x is y[0]
ck_ternary _Nullable ck_extremum_tangent_row(int dtype);
/// out[0] = the tangent of the product of x by dx, computed in double
ck_binary _Nullable ck_product_tangent_row(int dtype);

/// The tangent of a normalised row for those of x, weight and bias.
typedef void (*ck_norm_tangent)(void *out, const void *x, const void *weight, const void *dx,
    const void *dweight, const void *dbias, long n, double eps);
ck_norm_tangent _Nullable ck_layer_norm_tangent_row(int dtype);
ck_norm_tangent _Nullable ck_rms_norm_tangent_row(int dtype);

/// changes[i] = weights[i]·(changes[i] + added[i]), 0 where the score is hidden; adds their sum to
/// delta.
typedef void (*ck_attention_changes)(void *changes, const void *weights, void *delta,
    const void *_Nullable added, long n, ck_row_mask mask);
ck_attention_changes _Nullable ck_attention_changes_row(int dtype);

/// delta[0] += the weight of a sink in a finished row, times its change
typedef void (*ck_attention_sink_change)(
    void *delta, const void *sink, const void *change, const void *state);
ck_attention_sink_change _Nullable ck_attention_sink_change_row(int dtype);

/// out[i] -= delta[0]·y[i]
typedef void (*ck_attention_settle)(void *out, const void *y, const void *delta, long n);
ck_attention_settle _Nullable ck_attention_settle_row(int dtype);

#pragma clang assume_nonnull end

#endif
