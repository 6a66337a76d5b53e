// One step of an optimizer over a run of elements.

#ifndef CK_OPTIMIZER_H
#define CK_OPTIMIZER_H

#pragma clang assume_nonnull begin

/// Writes the new parameter to out[0] and its new state to out[1…], from the parameter in[0], its
/// gradient in[1] and its state in[2…]; float32 and float64. An output may be the memory of the
/// input that it replaces. Constants are numbers that hold for all elements.
typedef void (*ck_update)(void *_Nonnull const *_Nonnull out,
    const void *_Nonnull const *_Nonnull in, const double *constants, long n);

/// State: none. Constants: rate, decay.
ck_update _Nullable ck_descent(int dtype);
/// State: velocity. Constants: rate, decay, momentum, share of the gradient, 1 for Nesterov's step.
ck_update _Nullable ck_momentum(int dtype);
/// State: mean square. Constants: rate, kept share of the state, share of the square, eps.
ck_update _Nullable ck_rms_descent(int dtype);
/// State: mean square, mean square of the steps. Constants: rate, rho, 1 - rho, eps.
ck_update _Nullable ck_adadelta(int dtype);
/// State: mean, mean square. Constants: rate, the means' shares b1, 1 - b1, b2, 1 - b2, eps, the
/// kept share of the parameter, the factor of the root.
ck_update _Nullable ck_adam(int dtype);
/// State: mean, largest magnitude. Constants: rate, b1, 1 - b1, b2, eps.
ck_update _Nullable ck_adamax(int dtype);
/// State: mean. Constants: rate, b1, 1 - b1, b2, 1 - b2, the kept share of the parameter.
ck_update _Nullable ck_lion(int dtype);

#pragma clang assume_nonnull end

#endif
