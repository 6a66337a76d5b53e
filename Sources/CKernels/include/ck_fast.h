// Rows of the fused operations: normalisation, rotary positions, attention. All are defined for
// float32 and float64; the lookup functions give NULL for other dtypes.

#ifndef CK_FAST_H
#define CK_FAST_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// out[i] = in[i]·factor
typedef void (*ck_scale)(void *out, const void *in, double factor, long n);
ck_scale _Nullable ck_scale_row(int dtype);

/// out[0] = Σ a[i]·b[i]
typedef void (*ck_dot)(void *out, const void *a, const void *b, long n);
ck_dot _Nullable ck_dot_row(int dtype);

// MARK: normalisation

/// out = weight·(x - mean)/√(variance + eps) + bias of a row of n; may be done in place.
typedef void (*ck_norm)(
    void *out, const void *x, const void *weight, const void *bias, long n, double eps);
ck_norm _Nullable ck_layer_norm_row(int dtype);
/// The same with mean square in place of the variance, and no mean taken off.
ck_norm _Nullable ck_rms_norm_row(int dtype);

/// The gradients for a row's cotangent dy: writes dx, adds to dweight and dbias.
typedef void (*ck_norm_gradient)(void *dx, void *dweight, void *dbias, const void *x,
    const void *weight, const void *dy, long n, double eps);
ck_norm_gradient _Nullable ck_layer_norm_gradient_row(int dtype);
ck_norm_gradient _Nullable ck_rms_norm_gradient_row(int dtype);

// MARK: rotary positions

/// Turns pairs of elements of rows of `width` by angles: half cosines and sines a row, the sines
/// times `direction`. Pairs are neighbours, or `half` apart; elements behind the pairs are copied.
typedef void (*ck_rotate)(void *out, const void *in, const void *cosines, const void *sines,
    long rows, long width, long half, int neighbours, double direction);
ck_rotate _Nullable ck_rotate_rows(int dtype);

// MARK: attention. A row's state is its largest score and the sum of its exponentials; once
// finished, the largest score and one over the sum.

/// What hides scores of a row: `elements` to add or, if boolean, to keep where true; and all scores
/// from position `visible` on. A hidden score counts as the lowest finite number.
typedef struct {
    const void *_Nullable elements;
    int is_boolean;
    long visible;
} ck_row_mask;

/// Starts the states of rows, with a further score that has no value if there is a sink.
typedef void (*ck_attention_start)(void *states, long rows, const void *_Nullable sink);
ck_attention_start _Nullable ck_attention_start_rows(int dtype);

/// Makes exponentials of n further scores, and shifts what the row has gathered in `out` to the new
/// largest score; a width of 0 is a row that has gathered nothing.
typedef void (*ck_attention_step)(
    void *scores, void *state, void *out, long n, long width, ck_row_mask mask);
ck_attention_step _Nullable ck_attention_step_row(int dtype);

/// Divides what a row has gathered by the sum.
typedef void (*ck_attention_finish)(void *out, void *state, long width);
ck_attention_finish _Nullable ck_attention_finish_row(int dtype);

/// Makes weights of n scores by a finished state.
typedef void (*ck_attention_weights)(void *scores, const void *state, long n, ck_row_mask mask);
ck_attention_weights _Nullable ck_attention_weights_row(int dtype);

/// slopes[i] = weights[i]·(slopes[i] - delta)·scale; 0 where the score is hidden.
typedef void (*ck_attention_slopes)(void *slopes, const void *weights, const void *delta,
    double scale, long n, ck_row_mask mask);
ck_attention_slopes _Nullable ck_attention_slopes_row(int dtype);

/// total[0] -= Σ delta[i]·weight of the sink in row i
typedef void (*ck_attention_sink)(
    void *total, const void *sink, const void *states, const void *deltas, long rows);
ck_attention_sink _Nullable ck_attention_sink_rows(int dtype);

#pragma clang assume_nonnull end

#endif
