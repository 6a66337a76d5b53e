// Sums over windows with a kernel for each channel, and the two derivatives: vectors of channels.

#include "kernel.h"

#include "ck_window.h"

typedef float f32x16 __attribute__((ext_vector_type(16), aligned(4)));
typedef float f32x4 __attribute__((ext_vector_type(4), aligned(4)));
typedef double f64x8 __attribute__((ext_vector_type(8), aligned(8)));
typedef double f64x2 __attribute__((ext_vector_type(2), aligned(8)));

#define AT(V, pointer, i) (*(V *)((pointer) + (i)))

// Windows whose sums are held at a time: as many as hide the latency of an addition; and elements
// of a kernel likewise, as many as the smallest usual kernel has, or as a row of it.
enum { WINDOWS = 8, KERNEL_PART = 9, KERNEL_ROW = 3 };

// One vector of channels of COUNT windows from x on.
#define PRODUCTS_OF(T, V, COUNT)                                                                   \
    INLINE void products_##COUNT##_##V(                                                            \
        T *out, const T *x, const T *kernels, const ck_windows *w) {                               \
        V sums[COUNT];                                                                             \
        UNROLL for (int j = 0; j < COUNT; j++) sums[j] = 0;                                        \
        for (long t = 0; t < w->tap_count; t++) {                                                  \
            V factor = AT(const V, kernels, t * w->channels);                                      \
            const T *from = x + w->taps[t];                                                        \
            UNROLL for (int j = 0; j < COUNT; j++)                                                 \
                sums[j] += AT(const V, from, j * w->step) * factor;                                \
        }                                                                                          \
        UNROLL for (int j = 0; j < COUNT; j++) AT(V, out, j * w->channels) = sums[j];              \
    }

// Adds to COUNT elements of a kernel what all windows of the row give them.
#define KERNELS_OF(T, V, COUNT)                                                                    \
    INLINE void kernels_##COUNT##_##V(                                                             \
        T *dw, const T *x, const T *dy, const long *taps, const ck_windows *w) {                   \
        V sums[COUNT];                                                                             \
        UNROLL for (int j = 0; j < COUNT; j++) sums[j] = AT(V, dw, j * w->channels);               \
        for (long i = 0; i < w->width; i++) {                                                      \
            V factor = AT(const V, dy, i * w->channels);                                           \
            const T *from = x + i * w->step;                                                       \
            UNROLL for (int j = 0; j < COUNT; j++)                                                 \
                sums[j] += AT(const V, from, taps[j]) * factor;                                    \
        }                                                                                          \
        UNROLL for (int j = 0; j < COUNT; j++) AT(V, dw, j * w->channels) = sums[j];               \
    }

#define FOR_VECTOR(T, V)                                                                           \
    PRODUCTS_OF(T, V, WINDOWS)                                                                     \
    PRODUCTS_OF(T, V, 1)                                                                           \
    KERNELS_OF(T, V, KERNEL_PART)                                                                  \
    KERNELS_OF(T, V, KERNEL_ROW)                                                                   \
    KERNELS_OF(T, V, 1)                                                                            \
    INLINE void products_##V(T *out, const T *x, const T *kernels, const ck_windows *w) {          \
        long i = 0;                                                                                \
        for (; i + WINDOWS <= w->width; i += WINDOWS)                                              \
            products_WINDOWS_##V(out + i * w->channels, x + i * w->step, kernels, w);              \
        for (; i < w->width; i++)                                                                  \
            products_1_##V(out + i * w->channels, x + i * w->step, kernels, w);                    \
    }                                                                                              \
    INLINE void kernels_##V(T *dw, const T *x, const T *dy, const ck_windows *w) {                 \
        long t = 0;                                                                                \
        for (; t + KERNEL_PART <= w->tap_count; t += KERNEL_PART)                                  \
            kernels_KERNEL_PART_##V(dw + t * w->channels, x, dy, w->taps + t, w);                  \
        for (; t + KERNEL_ROW <= w->tap_count; t += KERNEL_ROW)                                    \
            kernels_KERNEL_ROW_##V(dw + t * w->channels, x, dy, w->taps + t, w);                   \
        for (; t < w->tap_count; t++)                                                              \
            kernels_1_##V(dw + t * w->channels, x, dy, w->taps + t, w);                            \
    }                                                                                              \
    INLINE void spread_##V(T *dx, const T *dy, const T *kernels, const ck_windows *w) {            \
        V factor = AT(const V, dy, 0);                                                             \
        for (long t = 0; t < w->tap_count; t++)                                                    \
            AT(V, dx, w->taps[t]) += AT(const V, kernels, t * w->channels) * factor;               \
    }

// Channels in vectors of W, then of N, then one by one.
#define FOR_CHANNELS(V, W, U, N, T, FUNCTION, ...)                                                 \
    {                                                                                              \
        long c = 0;                                                                                \
        for (; c + W <= w->channels; c += W) FUNCTION##_##V(__VA_ARGS__);                          \
        for (; c + N <= w->channels; c += N) FUNCTION##_##U(__VA_ARGS__);                          \
        for (; c < w->channels; c++) FUNCTION##_##T(__VA_ARGS__);                                  \
    }

#define CHANNEL_PRODUCTS(T, V, W, U, N)                                                            \
    FOR_VECTOR(T, V)                                                                               \
    FOR_VECTOR(T, U)                                                                               \
    FOR_VECTOR(T, T)                                                                               \
    KERNEL static void channel_products_##T(                                                       \
        void *result, const void *in, const void *kernels, const ck_windows *w) {                  \
        T *out = result;                                                                           \
        const T *x = in, *k = kernels;                                                             \
        FOR_CHANNELS(V, W, U, N, T, products, out + c, x + c, k + c, w)                            \
    }                                                                                              \
    KERNEL static void channel_kernels_##T(                                                        \
        void *result, const void *in, const void *cotangent, const ck_windows *w) {                \
        T *dw = result;                                                                            \
        const T *x = in, *dy = cotangent;                                                          \
        FOR_CHANNELS(V, W, U, N, T, kernels, dw + c, x + c, dy + c, w)                             \
    }                                                                                              \
    KERNEL static void channel_spread_##T(                                                         \
        void *result, const void *cotangent, const void *kernels, const ck_windows *w) {           \
        const T *k = kernels;                                                                      \
        for (long i = 0; i < w->width; i++) {                                                      \
            T *dx = (T *)result + i * w->step;                                                     \
            const T *dy = (const T *)cotangent + i * w->channels;                                  \
            FOR_CHANNELS(V, W, U, N, T, spread, dx + c, dy + c, k + c, w)                          \
        }                                                                                          \
    }
CHANNEL_PRODUCTS(f32, f32x16, 16, f32x4, 4)
CHANNEL_PRODUCTS(f64, f64x8, 8, f64x2, 2)

LOOKUP(ck_window_product, ck_channel_products, ROWS_FLOATS(channel_products))
LOOKUP(ck_window_product, ck_channel_kernels, ROWS_FLOATS(channel_kernels))
LOOKUP(ck_window_product, ck_channel_spread, ROWS_FLOATS(channel_spread))
