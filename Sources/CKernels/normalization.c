// Layer and root-mean-square normalisation of one contiguous row, and their gradients. The row is
// walked several times: it stays in the first cache, and no sum is the difference of large ones.

#include "row.h"

#define VALUE(V, i) AT(V, x, i)
#define DEVIATION(V, i) (AT(V, x, i) - shift)
#define WEIGHTED(V, i) (AT(V, y, i) * AT(V, z, i))
#define PROJECTED(V, i) (WEIGHTED(V, i) * DEVIATION(V, i))
ROW_TOTALS(sum_of, VALUE)
ROW_TOTALS(weighted_of, WEIGHTED)
ROW_TOTALS(projected_of, PROJECTED)
#define DIRECTED(V, i) (AT(V, y, i) * DEVIATION(V, i))
ROW_TOTALS(directed_of, DIRECTED)

// The sums of x - shift and of its squares.
#define DEVIATIONS(T, V, W)                                                                        \
    INLINE void deviations_of_##T(const T *x, T shift, long n, double *sum, double *squares) {     \
        *sum = *squares = 0;                                                                       \
        for (long start = 0; start < n; start += BLOCK) {                                          \
            long end = start + smaller(n - start, BLOCK), i = start;                               \
            V a[4] = {0, 0, 0, 0}, c[4] = {0, 0, 0, 0};                                            \
            for (; i + 4 * W <= end; i += 4 * W) {                                                 \
                UNROLL for (int k = 0; k < 4; k++) {                                               \
                    _Pragma("clang fp contract(fast)")                                             \
                    V p = DEVIATION(V, i + k * W);                                                 \
                    a[k] += p;                                                                     \
                    c[k] += p * p;                                                                 \
                }                                                                                  \
            }                                                                                      \
            for (; i + W <= end; i += W) {                                                         \
                _Pragma("clang fp contract(fast)")                                                 \
                V p = DEVIATION(V, i);                                                             \
                a[0] += p;                                                                         \
                c[0] += p * p;                                                                     \
            }                                                                                      \
            T rest = 0, more = 0;                                                                  \
            for (; i < end; i++) {                                                                 \
                T p = DEVIATION(T, i);                                                             \
                rest += p;                                                                         \
                more += p * p;                                                                     \
            }                                                                                      \
            a[0] = (a[0] + a[1]) + (a[2] + a[3]);                                                  \
            c[0] = (c[0] + c[1]) + (c[2] + c[3]);                                                  \
            *sum += (double)lanes_##T(a) + (double)rest;                                           \
            *squares += (double)lanes_##T(c) + (double)more;                                       \
        }                                                                                          \
    }
DEVIATIONS(f32, f32x16, 16)
DEVIATIONS(f64, f64x8, 8)

// x̂ = ((x - shift) - rest)·scale: `rest` is what rounding the mean to the row's type has left.
//
// The deviations are taken from the mean of the first elements, in one walk. Where that is further
// from the mean than most elements are, so that the variance would be the difference of larger
// numbers, they are taken from the mean in a second one.
#define MOMENTS(T, UNUSED)                                                                         \
    typedef struct {                                                                               \
        T shift, rest, scale;                                                                      \
    } moments_##T;                                                                                 \
    INLINE moments_##T moments_of_##T(const T *x, long n, double eps, bool centred) {              \
        T shift = !centred ? 0 : n < 4 ? x[0] : ((x[0] + x[1]) + (x[2] + x[3])) * (T)0.25;         \
        double mean, rest, square;                                                                 \
        for (int walk = 0; walk < 2; walk++) {                                                     \
            deviations_of_##T(x, shift, n, &rest, &square);                                        \
            rest = centred ? rest / (double)n : 0;                                                 \
            square = square / (double)n - rest * rest;                                             \
            mean = (double)shift + rest;                                                           \
            shift = (T)mean;                                                                       \
            if (!(rest * rest > 4 * square)) break;                                                \
        }                                                                                          \
        rest = mean - (double)shift;                                                               \
        return (moments_##T){shift, (T)rest, (T)(1 / sqrt((square < 0 ? 0 : square) + eps))};      \
    }
FOR_FLOATS(MOMENTS, )

// A step of the last walk over a row asks for the same step of the row after it, as memory would
// have nothing to do while the moments are divided; or for as much ahead as the first cache keeps.
enum { MOST_READ_AHEAD = 8192 };

#define NORM(NAME, T, V, W, CENTRED)                                                               \
    KERNEL static void NAME##_##T(                                                                 \
        void *out, const void *a, const void *weight, const void *bias, long n, double eps) {      \
        const T *x = a, *w = weight, *b = bias;                                                    \
        T *y = out;                                                                                \
        moments_##T m = moments_of_##T(x, n, eps, CENTRED);                                        \
        T further = m.rest * m.scale;                                                              \
        long i = 0, ahead = smaller(n * (long)sizeof(T), MOST_READ_AHEAD);                         \
        for (; i + W <= n; i += W) {                                                               \
            _Pragma("clang fp contract(fast)")                                                     \
            ask_for((const char *)(x + i) + ahead);                                                \
            ask_for((const char *)(y + i) + WRITTEN_AHEAD);                                        \
            V unit = (AT(V, x, i) - m.shift) * m.scale - further;                                  \
            *(V *)(y + i) = unit * AT(V, w, i) + AT(V, b, i);                                      \
        }                                                                                          \
        for (; i < n; i++) {                                                                       \
            _Pragma("clang fp contract(fast)")                                                     \
            T unit = (x[i] - m.shift) * m.scale - further;                                         \
            y[i] = unit * w[i] + b[i];                                                             \
        }                                                                                          \
    }
NORM(layer_norm, f32, f32x16, 16, true)
NORM(layer_norm, f64, f64x8, 8, true)
NORM(rms_norm, f32, f32x16, 16, false)
NORM(rms_norm, f64, f64x8, 8, false)
LOOKUP(ck_norm, ck_layer_norm_row, ROWS_FLOATS(layer_norm))
LOOKUP(ck_norm, ck_rms_norm_row, ROWS_FLOATS(rms_norm))

// With g = weight·dy: dx = scale·(g - mean(g) - x̂·mean(g·x̂)), the mean of g only if centred.
#define NORM_GRADIENT(NAME, T, CENTRED)                                                            \
    KERNEL static void NAME##_gradient_##T(void *dx, void *dweight, void *dbias, const void *a,    \
        const void *weight, const void *cotangent, long n, double eps) {                           \
        const T *x = a, *w = weight, *dy = cotangent;                                              \
        T *result = dx, *dw = dweight, *db = dbias;                                                \
        moments_##T m = moments_of_##T(x, n, eps, CENTRED);                                        \
        double mean = CENTRED ? weighted_of_##T(x, w, dy, 0, n) / (double)n : 0;                   \
        double projected = projected_of_##T(x, w, dy, m.shift, n) / (double)n;                     \
        T slope = (T)((projected - (double)m.rest * mean) * (double)m.scale), level = (T)mean;     \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T unit = ((x[i] - m.shift) - m.rest) * m.scale;                                        \
            dw[i] += dy[i] * unit;                                                                 \
            db[i] += dy[i];                                                                        \
            result[i] = m.scale * ((w[i] * dy[i] - level) - unit * slope);                         \
        }                                                                                          \
    }
NORM_GRADIENT(layer_norm, f32, true)
NORM_GRADIENT(layer_norm, f64, true)
NORM_GRADIENT(rms_norm, f32, false)
NORM_GRADIENT(rms_norm, f64, false)
LOOKUP(ck_norm_gradient, ck_layer_norm_gradient_row, ROWS_FLOATS(layer_norm_gradient))
LOOKUP(ck_norm_gradient, ck_rms_norm_gradient_row, ROWS_FLOATS(rms_norm_gradient))

// dy = weight·scale·(dx - mean(dx) - x̂·mean(dx·x̂)) + dweight·x̂ + dbias, the mean of dx only if
// centred.
#define NORM_TANGENT(NAME, T, CENTRED)                                                             \
    KERNEL static void NAME##_tangent_##T(void *out, const void *a, const void *weight,            \
        const void *change, const void *dweight, const void *dbias, long n, double eps) {          \
        const T *x = a, *w = weight, *dx = change, *dw = dweight, *db = dbias;                     \
        T *result = out;                                                                           \
        moments_##T m = moments_of_##T(x, n, eps, CENTRED);                                        \
        double mean = CENTRED ? sum_of_##T(dx, dx, dx, 0, n) / (double)n : 0;                      \
        double directed = directed_of_##T(x, dx, dx, m.shift, n) / (double)n;                      \
        T slope = (T)((directed - (double)m.rest * mean) * (double)m.scale), level = (T)mean;      \
        LANES for (long i = 0; i < n; i++) {                                                       \
            T unit = ((x[i] - m.shift) - m.rest) * m.scale;                                        \
            T turned = m.scale * ((dx[i] - level) - unit * slope);                                 \
            result[i] = (w[i] * turned + dw[i] * unit) + db[i];                                    \
        }                                                                                          \
    }
NORM_TANGENT(layer_norm, f32, true)
NORM_TANGENT(layer_norm, f64, true)
NORM_TANGENT(rms_norm, f32, false)
NORM_TANGENT(rms_norm, f64, false)
LOOKUP(ck_norm_tangent, ck_layer_norm_tangent_row, ROWS_FLOATS(layer_norm_tangent))
LOOKUP(ck_norm_tangent, ck_rms_norm_tangent_row, ROWS_FLOATS(rms_norm_tangent))
