// One step of an optimizer: every element of a parameter and of its state is read once, changed and
// written once. Every operation rounds on its own, in the order of the formulas as array
// expressions, so that the same numbers come out of every instruction set.

#include "kernel.h"

#pragma STDC FP_CONTRACT OFF

#define ROOT(x) __builtin_elementwise_sqrt(x)

// A kernel of a family member: SETUP names its constants and arrays, BODY treats element i.
#define UPDATE(NAME, T, SETUP, BODY)                                                               \
    KERNEL static void NAME##_##T(                                                                 \
        void *const *out, const void *const *in, const double *constants, long n) {                \
        const T *parameter = in[0], *gradient = in[1];                                             \
        T *updated = out[0];                                                                       \
        const T rate = (T)constants[0];                                                            \
        SETUP                                                                                      \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T p = parameter[i], g = gradient[i];                                                   \
            BODY                                                                                   \
        }                                                                                          \
    }

#define CONSTANT(T, NAME, PLACE) const T NAME = (T)constants[PLACE];
#define STATE(T, NAME, PLACE) const T *NAME = in[1 + PLACE]; T *new_##NAME = out[PLACE];

#define DESCENT(T, UNUSED)                                                                         \
    UPDATE(descent, T, CONSTANT(T, decay, 1) const bool decays = decay != 0;,                      \
        g = decays ? g + decay * p : g;                                                            \
        updated[i] = p - rate * g;)

#define MOMENTUM(T, UNUSED)                                                                        \
    UPDATE(momentum, T,                                                                            \
        CONSTANT(T, decay, 1) CONSTANT(T, kept, 2) CONSTANT(T, share, 3)                           \
        const bool decays = decay != 0;                                                            \
        const bool nesterov = constants[4] != 0;                                                   \
        STATE(T, velocity, 1),                                                                     \
        g = decays ? g + decay * p : g;                                                            \
        T v = kept * velocity[i] + share * g;                                                      \
        new_velocity[i] = v;                                                                       \
        updated[i] = p - rate * (nesterov ? g + kept * v : v);)

#define RMS_DESCENT(T, UNUSED)                                                                     \
    UPDATE(rms_descent, T,                                                                         \
        CONSTANT(T, kept, 1) CONSTANT(T, share, 2) CONSTANT(T, eps, 3) STATE(T, squares, 1),       \
        T v = kept * squares[i] + share * (g * g);                                                 \
        new_squares[i] = v;                                                                        \
        updated[i] = p - rate * g / (ROOT(v) + eps);)

#define ADADELTA(T, UNUSED)                                                                        \
    UPDATE(adadelta, T,                                                                            \
        CONSTANT(T, kept, 1) CONSTANT(T, share, 2) CONSTANT(T, eps, 3)                             \
        STATE(T, squares, 1) STATE(T, steps, 2),                                                   \
        T v = kept * squares[i] + share * (g * g);                                                 \
        T u = steps[i];                                                                            \
        T d = ROOT(u + eps) / ROOT(v + eps) * g;                                                   \
        new_squares[i] = v;                                                                        \
        new_steps[i] = kept * u + share * (d * d);                                                 \
        updated[i] = p - rate * d;)

#define ADAM(T, UNUSED)                                                                            \
    UPDATE(adam, T,                                                                                \
        CONSTANT(T, b1, 1) CONSTANT(T, c1, 2) CONSTANT(T, b2, 3) CONSTANT(T, c2, 4)                \
        CONSTANT(T, eps, 5) CONSTANT(T, kept, 6) CONSTANT(T, factor, 7)                            \
        STATE(T, means, 1) STATE(T, squares, 2),                                                   \
        T m = b1 * means[i] + c1 * g;                                                              \
        T v = b2 * squares[i] + c2 * (g * g);                                                      \
        new_means[i] = m;                                                                          \
        new_squares[i] = v;                                                                        \
        updated[i] = p * kept - rate * m / (ROOT(v) * factor + eps);)

#define ADAMAX(T, UNUSED)                                                                          \
    UPDATE(adamax, T,                                                                              \
        CONSTANT(T, b1, 1) CONSTANT(T, c1, 2) CONSTANT(T, b2, 3) CONSTANT(T, eps, 4)               \
        STATE(T, means, 1) STATE(T, largest, 2),                                                   \
        T m = b1 * means[i] + c1 * g;                                                              \
        T faded = b2 * largest[i];                                                                 \
        T size = g < 0 ? -g : g;                                                                   \
        T v = ((faded > size) | (faded != faded)) ? faded : size;                                  \
        new_means[i] = m;                                                                          \
        new_largest[i] = v;                                                                        \
        updated[i] = p - rate * m / (v + eps);)

#define LION(T, UNUSED)                                                                            \
    UPDATE(lion, T,                                                                                \
        CONSTANT(T, b1, 1) CONSTANT(T, c1, 2) CONSTANT(T, b2, 3) CONSTANT(T, c2, 4)                \
        CONSTANT(T, kept, 5) STATE(T, means, 1),                                                   \
        T m = means[i];                                                                            \
        T c = b1 * m + c1 * g;                                                                     \
        T sign = (T)((c > 0) - (c < 0));                                                           \
        new_means[i] = b2 * m + c2 * g;                                                            \
        updated[i] = kept * p - rate * sign;)

FOR_FLOATS(DESCENT, )
FOR_FLOATS(MOMENTUM, )
FOR_FLOATS(RMS_DESCENT, )
FOR_FLOATS(ADADELTA, )
FOR_FLOATS(ADAM, )
FOR_FLOATS(ADAMAX, )
FOR_FLOATS(LION, )

LOOKUP(ck_update, ck_descent, ROWS_FLOATS(descent))
LOOKUP(ck_update, ck_momentum, ROWS_FLOATS(momentum))
LOOKUP(ck_update, ck_rms_descent, ROWS_FLOATS(rms_descent))
LOOKUP(ck_update, ck_adadelta, ROWS_FLOATS(adadelta))
LOOKUP(ck_update, ck_adam, ROWS_FLOATS(adam))
LOOKUP(ck_update, ck_adamax, ROWS_FLOATS(adamax))
LOOKUP(ck_update, ck_lion, ROWS_FLOATS(lion))
