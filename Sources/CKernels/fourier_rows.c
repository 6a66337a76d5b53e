// How rows get into the passes of Fourier transforms and out of them.

#include "fourier.h"

// Number k to k + 7 of eight rows of `pitch` numbers, a row a lane; complex64 moves as whole words.
INLINE void load_block(eight *out, const float *in, long pitch, long count) {
    f64x8 words[8];
    UNROLL for (int i = 0; i < 8; i++)
        memcpy(&words[i], in + 2 * pitch * smaller(i, count - 1), sizeof words[i]);
    transpose_eight(words);
    UNROLL for (int i = 0; i < 8; i++) {
        float line[16];
        memcpy(line, &words[i], sizeof line);
        out[i] = load_line(line);
    }
}

INLINE void store_block(float *out, const eight *in, long pitch, long count, double factor,
    bool swapped) {
    f64x8 words[8];
    UNROLL for (int i = 0; i < 8; i++) {
        float line[16];
        store_line(line, swapped_if(swapped, scaled(in[i], factor)));
        memcpy(&words[i], line, sizeof line);
    }
    transpose_eight(words);
    for (long i = 0; i < count; i++) memcpy(out + 2 * pitch * i, &words[i], sizeof words[i]);
}

KERNEL void ck_fourier_load_rows(
    double *out, const float *in, long n, long pitch, long count, bool swapped) {
    eight *to = (eight *)out;
    if (n < 8) {
        for (long k = 0; k < n; k++) {
            c64 row[8];
            for (long i = 0; i < 8; i++)
                memcpy(&row[i], in + 2 * (pitch * smaller(i, count - 1) + k), sizeof row[i]);
            to[k] = load_line(&row[0].re);
        }
    }
    // The last eight may overlap those before.
    for (long k = 0; n >= 8 && k < n; k += 8)
        load_block(to + smaller(k, n - 8), in + 2 * smaller(k, n - 8), pitch, count);
    for (long k = 0; swapped && k < n; k++) to[k] = swapped_if(true, to[k]);
}

KERNEL void ck_fourier_store_rows(float *out, const double *in, long n, long pitch, long count,
    double factor, bool swapped) {
    const eight *from = (const eight *)in;
    if (n < 8) {
        for (long k = 0; k < n; k++) {
            c64 row[8];
            store_line(&row[0].re, swapped_if(swapped, scaled(from[k], factor)));
            for (long i = 0; i < count; i++)
                memcpy(out + 2 * (pitch * i + k), &row[i], sizeof row[i]);
        }
    }
    for (long k = 0; n >= 8 && k < n; k += 8) {
        long at = smaller(k, n - 8);
        store_block(out + 2 * at, from + at, pitch, count, factor, swapped);
    }
}

// With the pairs of a real row's 2n numbers taken as n complex ones, a is number k of their
// transform and b, conjugated, number n - k; w = exp(-πi·k/n).
typedef struct { eight sum, side; } halves;
INLINE halves halves_of(eight a, eight b) {
    return (halves){scaled(plus(a, b), 0.5), scaled(turned(minus(a, b)), 0.5)};
}
INLINE eight spectrum(eight a, eight b, eight w) {
    halves h = halves_of(a, b);
    return plus(h.sum, times(h.side, w));
}
// The other way: a and b are of the spectrum.
INLINE eight pairs(eight a, eight b, eight w) {
    halves h = halves_of(a, b);
    return minus(h.sum, times(h.side, conjugate(w)));
}

INLINE eight spread(number w) { return (eight){(f64x8)w.re, (f64x8)w.im}; }
INLINE number root_at(const double *roots, long distance, long k) {
    return (number){roots[k], roots[distance + k]};
}

KERNEL void ck_fourier_split_lanes(double *out, const double *in, const double *roots, long n) {
    const eight *from = (const eight *)in;
    eight *to = (eight *)out;
    for (long k = 0; k < n; k++) {
        eight b = conjugate(from[k == 0 ? 0 : n - k]);
        to[k] = spectrum(from[k], b, spread(root_at(roots, 2 * n, k)));
    }
    to[n] = (eight){from[0].re - from[0].im, 0};
}

KERNEL void ck_fourier_join_lanes(double *out, const double *in, const double *roots, long n) {
    const eight *from = (const eight *)in;
    eight *to = (eight *)out;
    // Imaginary parts that a real row's spectrum has not are left out.
    to[0] = scaled((eight){from[0].re - from[n].re, from[0].re + from[n].re}, 0.5);
    for (long k = 1; k < n; k++) {
        eight z = pairs(from[k], conjugate(from[n - k]), spread(root_at(roots, 2 * n, k)));
        to[k] = swapped_if(true, z);
    }
}

// The first of eight numbers, then those before it, all conjugated.
INLINE eight mirrored(eight first, eight rest) {
    return conjugate((eight){
        __builtin_shufflevector(first.re, rest.re, 0, 15, 14, 13, 12, 11, 10, 9),
        __builtin_shufflevector(first.im, rest.im, 0, 15, 14, 13, 12, 11, 10, 9)});
}

KERNEL void ck_fourier_split(float *out, const double *in, const double *roots, long n, long begin,
    long end) {
    const eight *from = (const eight *)in;
    long count = n / 8;
    for (long v = begin / 8; v < end / 8; v++) {
        eight b = mirrored(from[v == 0 ? 0 : count - v], from[count - v - 1]);
        store_line(out + 16 * v, spectrum(from[v], b, get_planes(roots, 2 * n, 8 * v)));
    }
    if (end < n) return;
    out[2 * n] = (float)(from[0].re[0] - from[0].im[0]);
    out[2 * n + 1] = 0;
}

KERNEL void ck_fourier_join(double *out, const float *in, const double *roots, long n, long begin,
    long end) {
    for (long k = begin; k < end; k += 8) {
        eight c = load_line(in + 2 * (n - k - 7));
        eight b = {
            __builtin_shufflevector(c.re, c.re, 7, 6, 5, 4, 3, 2, 1, 0),
            -__builtin_shufflevector(c.im, c.im, 7, 6, 5, 4, 3, 2, 1, 0)};
        eight z = pairs(load_line(in + 2 * k), b, get_planes(roots, 2 * n, k));
        put_planes(out, n, k, swapped_if(true, z));
    }
    if (begin > 0) return;
    out[0] = 0.5 * ((double)in[0] - in[2 * n]);
    out[n] = 0.5 * ((double)in[0] + in[2 * n]);
}

typedef double f64x8_line __attribute__((ext_vector_type(8)));

INLINE void store_past_caches(eight *out, const eight *x) {
    UNROLL for (int l = 0; l < 8; l++) {
        __builtin_nontemporal_store(x[l].re, (f64x8_line *)&out[l].re);
        __builtin_nontemporal_store(x[l].im, (f64x8_line *)&out[l].im);
    }
}

KERNEL void ck_fourier_turn(double *out, const double *in, const double *roots, long distance,
    long rows, long columns, long column, long count, bool past_caches) {
    const eight *from = (const eight *)in;
    eight powers[9], base = {(f64x8)1.0, (f64x8)0.0};
    powers[0] = base;
    powers[1] = get_planes(roots, distance, column);
    for (int b = 2; b < 9; b++) powers[b] = times(powers[b - 1], powers[1]);
    for (long a = 0; a < rows; a += 8) {
        eight x[8];
        UNROLL for (int b = 0; b < 8; b++)
            x[b] = times(from[smaller(a + b, rows - 1)], times(base, powers[b]));
        transpose_numbers(x);
        eight *to = (eight *)out + a / 8 * columns + column;
        if (past_caches && count == 8) store_past_caches(to, x);
        else for (long l = 0; l < count; l++) to[l] = x[l];
        base = times(base, powers[8]);
    }
}

KERNEL void ck_fourier_store_panel(
    float *out, const float *in, long n, long pitch, long distance, long groups) {
    for (long k = 0; k < n; k++) {
        for (long g = 0; g < groups; g++) {
            f32x16 line = *(const f32x16 *)(in + distance * g + 16 * k);
            *(f32x16 *)(out + 2 * pitch * k + 16 * g) = line;
        }
    }
}

KERNEL void ck_fourier_load_planes(
    double *out, const double *in, long n, long pitch, long distance) {
    for (long k = 0; k < n; k++) ((eight *)out)[k] = get_planes(in, distance, pitch * k);
}

KERNEL void ck_fourier_store_eights(double *out, const double *in, long n, long pitch) {
    for (long k = 0; k < n; k++) ((eight *)out)[pitch * k] = ((const eight *)in)[k];
}

KERNEL void ck_fourier_chirp_row(
    double *out, const float *in, const double *chirp, long n, long distance, bool swapped) {
    LANES for (long k = 0; k < n; k++) {
        double re = in[2 * k + swapped], im = in[2 * k + !swapped];
        out[k] = re * chirp[k] - im * chirp[n + k];
        out[distance + k] = re * chirp[n + k] + im * chirp[k];
    }
    for (long k = n; k < distance; k++) out[k] = out[distance + k] = 0;
}

KERNEL void ck_fourier_filter(double *out, const double *in, const double *filter, long n) {
    const eight *from = (const eight *)in, *by = (const eight *)filter;
    // The swapped parts make the next transform the inverse.
    for (long v = 0; v < n / 8; v++)
        put_planes(out, n, 8 * v, swapped_if(true, times(from[v], by[v])));
}

KERNEL void ck_fourier_unchirp_row(float *out, const double *in, const double *chirp, long n,
    double factor, bool swapped) {
    for (long k = 0; k < n; k++) {
        const eight *from = (const eight *)in + k / 8;
        double re = from->im[k % 8] * factor, im = from->re[k % 8] * factor;
        out[2 * k + swapped] = (float)(re * chirp[k] - im * chirp[n + k]);
        out[2 * k + !swapped] = (float)(re * chirp[n + k] + im * chirp[k]);
    }
}

void ck_fourier_widen(float *out, const float *in, long n) {
    for (long k = 0; k < n; k++) {
        out[2 * k] = in[k];
        out[2 * k + 1] = 0;
    }
}

void ck_fourier_mirror(float *out, const float *in, long n) {
    out[0] = in[0];
    out[1] = 0;
    for (long k = 1; 2 * k <= n; k++) {
        float x = in[2 * k], y = 2 * k == n ? 0 : in[2 * k + 1];
        out[2 * (n - k)] = x;
        out[2 * (n - k) + 1] = -y;
        out[2 * k] = x;
        out[2 * k + 1] = y;
    }
}

void ck_fourier_real_parts(float *out, const float *in, long n) {
    for (long k = 0; k < n; k++) out[k] = in[2 * k];
}
