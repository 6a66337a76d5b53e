// Passes of discrete Fourier transforms: C. Temperton, "Self-sorting mixed-radix fast Fourier
// transforms" (1983), with Stockham's order of the passes.

#include "fourier.h"

#include <math.h>

// exp(-2πi·k/n), with the angle taken to the first eighth of the turn in integers.
static number root(long k, long n) {
    long quarter = 4 * k / n, rest = 4 * k % n;
    bool beyond = 2 * rest > n;
    double angle = M_PI_2 * (double)(beyond ? n - rest : rest) / (double)n;
    double c = beyond ? sin(angle) : cos(angle), s = beyond ? cos(angle) : sin(angle);
    switch (quarter & 3) {
    case 0: return (number){c, -s};
    case 1: return (number){-s, -c};
    case 2: return (number){-c, s};
    default: return (number){s, c};
    }
}

void ck_fourier_roots(double *roots, long count, long n) {
    enum { BLOCK = 64 };
    number near[BLOCK];
    for (long k = 0; k < BLOCK; k++) near[k] = root(k, n);
    // Most are products of two, which is as good to a rounding of double and takes no sines.
    for (long first = 0; first < count; first += BLOCK) {
        number far = root(first, n);
        for (long k = 0; k < smaller(BLOCK, count - first); k++) {
            number w = near[k];
            roots[first + k] = far.re * w.re - far.im * w.im;
            roots[count + first + k] = far.re * w.im + far.im * w.re;
        }
    }
}

void ck_fourier_chirp(double *chirp, const double *roots, long n) {
    // The square of k + 1 is the square of k and 2k + 1, taken modulo 2n.
    long square = 0;
    for (long k = 0; k < n; k++) {
        chirp[k] = roots[square];
        chirp[n + k] = roots[2 * n + square];
        square += 2 * k + 1;
        if (square >= 2 * n) square -= 2 * n;
    }
}

void ck_fourier_twiddles(
    double *twiddles, const double *roots, long n, long radix, long stride) {
    number *out = (number *)twiddles;
    for (long r = 0; r < radix; r++, out++) {
        long k = r * (n / radix);
        *out = (number){roots[k], roots[n + k]};
    }
    for (long j = 0; j < n / (radix * stride); j++) {
        for (long r = 1; r < radix; r++, out++) {
            long k = r * j * stride;
            *out = (number){roots[k], roots[n + k]};
        }
    }
}

INLINE void butterfly2(eight *x) {
    eight a = x[0], b = x[1];
    x[0] = plus(a, b);
    x[1] = minus(a, b);
}

INLINE void butterfly3(eight *x) {
    const double sine = 0.86602540378443864676;
    eight sum = plus(x[1], x[2]), half = minus(x[0], scaled(sum, 0.5));
    eight side = turned(scaled(minus(x[1], x[2]), sine));
    x[0] = plus(x[0], sum);
    x[1] = plus(half, side);
    x[2] = minus(half, side);
}

INLINE void butterfly4(eight *x) {
    eight even = plus(x[0], x[2]), odd = plus(x[1], x[3]);
    eight left = minus(x[0], x[2]), side = turned(minus(x[1], x[3]));
    x[0] = plus(even, odd);
    x[1] = plus(left, side);
    x[2] = minus(even, odd);
    x[3] = minus(left, side);
}

INLINE void butterfly5(eight *x) {
    const double c1 = 0.30901699437494742410, c2 = -0.80901699437494742410;
    const double s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;
    eight a = x[0], near = plus(x[1], x[4]), far = plus(x[2], x[3]);
    eight rise = minus(x[1], x[4]), fall = minus(x[2], x[3]);
    eight p = plus(a, plus(scaled(near, c1), scaled(far, c2)));
    eight q = plus(a, plus(scaled(near, c2), scaled(far, c1)));
    eight u = turned(plus(scaled(rise, s1), scaled(fall, s2)));
    eight v = turned(minus(scaled(rise, s2), scaled(fall, s1)));
    x[0] = plus(a, plus(near, far));
    x[1] = plus(p, u);
    x[2] = plus(q, v);
    x[3] = minus(q, v);
    x[4] = minus(p, u);
}

INLINE void butterfly8(eight *x) {
    const double half = 0.70710678118654752440;
    eight e[4] = {x[0], x[2], x[4], x[6]}, o[4] = {x[1], x[3], x[5], x[7]};
    butterfly4(e);
    butterfly4(o);
    o[1] = (eight){(o[1].re + o[1].im) * half, (o[1].im - o[1].re) * half};
    o[2] = turned(o[2]);
    o[3] = (eight){(o[3].im - o[3].re) * half, (o[3].re + o[3].im) * -half};
    UNROLL for (int k = 0; k < 4; k++) {
        x[k] = plus(e[k], o[k]);
        x[k + 4] = minus(e[k], o[k]);
    }
}

// The radix is a constant wherever this is inlined.
INLINE void butterfly(int radix, eight *x) {
    switch (radix) {
    case 2: return butterfly2(x);
    case 3: return butterfly3(x);
    case 4: return butterfly4(x);
    case 5: return butterfly5(x);
    case 8: return butterfly8(x);
    default: return;
    }
}

INLINE void put_turned(int radix, eight *out, const eight *x, const number *w, long stride) {
    out[0] = x[0];
    UNROLL for (int r = 1; r < radix; r++) out[stride * r] = times_number(x[r], w[r - 1]);
}

INLINE void pass(
    int radix, eight *out, const eight *in, const double *twiddles, long m, long stride) {
    const number *w = (const number *)twiddles + radix;
    for (long j = 0; j < m; j++, w += radix - 1) {
        for (long k = 0; k < stride; k++) {
            eight x[8];
            UNROLL for (int q = 0; q < radix; q++) x[q] = in[k + stride * (j + q * m)];
            butterfly(radix, x);
            put_turned(radix, out + k + stride * radix * j, x, w, stride);
        }
    }
}

// Any odd radix: sums over all inputs of a butterfly, those of opposite roots together.
INLINE void butterfly_any(
    long radix, eight *out, const eight *in, const number *turns, long from, long to) {
    long half = radix / 2;
    eight sums[CK_FOURIER_MOST_RADIX / 2], gaps[CK_FOURIER_MOST_RADIX / 2], total = in[0];
    for (long q = 0; q < half; q++) {
        eight a = in[from * (q + 1)], b = in[from * (radix - q - 1)];
        sums[q] = plus(a, b);
        gaps[q] = minus(a, b);
        total = plus(total, sums[q]);
    }
    out[0] = total;
    for (long r = 1; r <= half; r++) {
        eight even = in[0], odd = {0, 0};
        for (long q = 0, k = r; q < half; q++) {
            even.re += sums[q].re * turns[k].re;
            even.im += sums[q].im * turns[k].re;
            odd.re += gaps[q].re * turns[k].im;
            odd.im += gaps[q].im * turns[k].im;
            k += k + r < radix ? r : r - radix;
        }
        out[to * r] = minus(even, turned(odd));
        out[to * (radix - r)] = plus(even, turned(odd));
    }
}

#define PASS(RADIX)                                                                                \
    KERNEL static void pass##RADIX(                                                                \
        eight *out, const eight *in, const double *twiddles, long m, long stride) {                \
        pass(RADIX, out, in, twiddles, m, stride);                                                 \
    }
PASS(2)
PASS(3)
PASS(4)
PASS(5)
PASS(8)

KERNEL static void pass_any(long radix, eight *out, const eight *in, const double *twiddles,
    long m, long stride) {
    const number *turns = (const number *)twiddles, *w = turns + radix;
    for (long j = 0; j < m; j++, w += radix - 1) {
        for (long k = 0; k < stride; k++) {
            eight *to = out + k + stride * radix * j;
            butterfly_any(radix, to, in + k + stride * j, turns, stride * m, stride);
            for (long r = 1; r < radix; r++)
                to[stride * r] = times_number(to[stride * r], w[r - 1]);
        }
    }
}

void ck_fourier_pass(double *out, const double *in, const double *twiddles, long radix, long m,
    long stride) {
    eight *to = (eight *)out;
    const eight *from = (const eight *)in;
    switch (radix) {
    case 2: return pass2(to, from, twiddles, m, stride);
    case 3: return pass3(to, from, twiddles, m, stride);
    case 4: return pass4(to, from, twiddles, m, stride);
    case 5: return pass5(to, from, twiddles, m, stride);
    case 8: return pass8(to, from, twiddles, m, stride);
    default: return pass_any(radix, to, from, twiddles, m, stride);
    }
}

// The first pass of columns: number k of eight of them is a line of the input.
INLINE void begin(int radix, eight *out, const float *in, const double *twiddles, long m,
    long pitch, long count, bool swapped) {
    const number *w = (const number *)twiddles + radix;
    for (long j = 0; j < m; j++, w += radix - 1) {
        eight x[8];
        UNROLL for (int q = 0; q < radix; q++)
            x[q] = swapped_if(swapped, load_some(in + 2 * pitch * (j + q * m), count));
        butterfly(radix, x);
        put_turned(radix, out + radix * j, x, w, 1);
    }
}

// The last pass, whose results are lines of the output. It has no twiddles.
INLINE void finish(int radix, float *out, const eight *in, long stride, long pitch, long count,
    double factor, bool swapped) {
    for (long k = 0; k < stride; k++) {
        eight x[8];
        UNROLL for (int q = 0; q < radix; q++) x[q] = in[k + stride * q];
        butterfly(radix, x);
        UNROLL for (int r = 0; r < radix; r++) {
            eight y = swapped_if(swapped, scaled(x[r], factor));
            store_some(out + 2 * pitch * (k + stride * r), y, count);
        }
    }
}

#define ENDS(RADIX)                                                                                \
    KERNEL static void begin##RADIX(eight *out, const float *in, const double *twiddles, long m,   \
        long pitch, long count, bool swapped) {                                                    \
        if (count == 8) return begin(RADIX, out, in, twiddles, m, pitch, 8, swapped);              \
        begin(RADIX, out, in, twiddles, m, pitch, count, swapped);                                 \
    }                                                                                              \
    KERNEL static void finish##RADIX(float *out, const eight *in, long stride, long pitch,         \
        long count, double factor, bool swapped) {                                                 \
        if (count == 8) return finish(RADIX, out, in, stride, pitch, 8, factor, swapped);          \
        finish(RADIX, out, in, stride, pitch, count, factor, swapped);                             \
    }
ENDS(1)
ENDS(2)
ENDS(3)
ENDS(4)
ENDS(5)
ENDS(8)

void ck_fourier_begin(double *out, const float *in, const double *twiddles, long radix, long m,
    long pitch, long count, bool swapped) {
    eight *to = (eight *)out;
    switch (radix) {
    case 2: return begin2(to, in, twiddles, m, pitch, count, swapped);
    case 3: return begin3(to, in, twiddles, m, pitch, count, swapped);
    case 4: return begin4(to, in, twiddles, m, pitch, count, swapped);
    case 5: return begin5(to, in, twiddles, m, pitch, count, swapped);
    case 8: return begin8(to, in, twiddles, m, pitch, count, swapped);
    default: return begin1(to, in, twiddles, m, pitch, count, swapped);
    }
}

void ck_fourier_finish(float *out, const double *in, long radix, long stride, long pitch,
    long count, double factor, bool swapped) {
    const eight *from = (const eight *)in;
    switch (radix) {
    case 2: return finish2(out, from, stride, pitch, count, factor, swapped);
    case 3: return finish3(out, from, stride, pitch, count, factor, swapped);
    case 4: return finish4(out, from, stride, pitch, count, factor, swapped);
    case 5: return finish5(out, from, stride, pitch, count, factor, swapped);
    case 8: return finish8(out, from, stride, pitch, count, factor, swapped);
    default: return finish1(out, from, stride, pitch, count, factor, swapped);
    }
}

// Eight neighbouring butterflies of radix 8, whose twiddles are the powers of w, side by side;
// transposed, the results of each follow each other.
INLINE void butterflies(eight *out, eight *x, eight w) {
    butterfly8(x);
    eight w2 = times(w, w), w3 = times(w2, w), w4 = times(w2, w2);
    x[1] = times(x[1], w);
    x[2] = times(x[2], w2);
    x[3] = times(x[3], w3);
    x[4] = times(x[4], w4);
    x[5] = times(x[5], times(w4, w));
    x[6] = times(x[6], times(w3, w3));
    x[7] = times(x[7], times(w4, w3));
    transpose_numbers(x);
    UNROLL for (int l = 0; l < 8; l++) out[l] = x[l];
}

KERNEL void ck_fourier_open(
    double *out, const float *in, const double *roots, long n, bool swapped) {
    eight *to = (eight *)out;
    long m = n / 8;
    for (long at = 0; at < m; at += 8) {
        // The last eight may overlap those before.
        long j = smaller(at, m - 8);
        eight x[8];
        UNROLL for (int q = 0; q < 8; q++)
            x[q] = swapped_if(swapped, load_line(in + 2 * (j + q * m)));
        butterflies(to + j, x, get_planes(roots, n, j));
    }
}

KERNEL void ck_fourier_open_planes(
    double *out, const double *in, const double *roots, long n, long distance) {
    eight *to = (eight *)out;
    long m = n / 8;
    for (long at = 0; at < m; at += 8) {
        long j = smaller(at, m - 8);
        eight x[8];
        UNROLL for (int q = 0; q < 8; q++) x[q] = get_planes(in, distance, j + q * m);
        butterflies(to + j, x, get_planes(roots, n, j));
    }
}
