// Discrete Fourier transforms of one row: C. Temperton, "Self-sorting mixed-radix fast Fourier
// transforms" (1983), with Stockham's order of the passes.

#include "kernel.h"

#include <math.h>

typedef struct { double re, im; } wide;

// exp(-2πi·k/n), with the angle taken to the first eighth of the turn in integers.
static wide root(long k, long n) {
    long quarter = 4 * k / n, rest = 4 * k % n;
    bool beyond = 2 * rest > n;
    double angle = M_PI_2 * (double)(beyond ? n - rest : rest) / (double)n;
    double c = beyond ? sin(angle) : cos(angle), s = beyond ? cos(angle) : sin(angle);
    switch (quarter & 3) {
    case 0: return (wide){c, -s};
    case 1: return (wide){-s, -c};
    case 2: return (wide){-c, s};
    default: return (wide){s, c};
    }
}

void ck_fourier_roots(double *roots, long n) {
    for (long k = 0; k < n; k++) {
        wide w = root(k, n);
        roots[k] = w.re;
        roots[n + k] = w.im;
    }
}

void ck_fourier_chirp(double *chirp, const double *roots, long n) {
    // The square of k + 1 is the square of k and 2k + 1, taken modulo 2n.
    long square = 0;
    for (long k = 0; k < n; k++) {
        chirp[k] = roots[square];
        chirp[n + k] = roots[2 * n + square];
        square = (square + 2 * k + 1) % (2 * n);
    }
}

INLINE wide plus(wide a, wide b) { return (wide){a.re + b.re, a.im + b.im}; }
INLINE wide minus(wide a, wide b) { return (wide){a.re - b.re, a.im - b.im}; }
INLINE wide times(wide a, wide b) {
    return (wide){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
INLINE wide scaled(wide a, double x) { return (wide){a.re * x, a.im * x}; }
// -i·a
INLINE wide turned(wide a) { return (wide){a.im, -a.re}; }

INLINE wide get(const double *planes, long n, long k) { return (wide){planes[k], planes[n + k]}; }
INLINE void put(double *planes, long n, long k, wide a) {
    planes[k] = a.re;
    planes[n + k] = a.im;
}

KERNEL static void pass2(double *out, const double *in, const double *roots, long length,
    long stride, long lanes) {
    long n = length * lanes, m = n / (2 * stride), step = stride / lanes;
    for (long j = 0; j < m; j++) {
        wide w = get(roots, length, j * step);
        LANES for (long k = 0; k < stride; k++) {
            wide a = get(in, n, k + stride * j), b = get(in, n, k + stride * (j + m));
            long o = k + stride * 2 * j;
            put(out, n, o, plus(a, b));
            put(out, n, o + stride, times(minus(a, b), w));
        }
    }
}

KERNEL static void pass3(double *out, const double *in, const double *roots, long length,
    long stride, long lanes) {
    long n = length * lanes, m = n / (3 * stride), step = stride / lanes;
    const double sine = 0.86602540378443864676;
    for (long j = 0; j < m; j++) {
        wide w = get(roots, length, j * step), w2 = get(roots, length, 2 * j * step);
        LANES for (long k = 0; k < stride; k++) {
            wide a = get(in, n, k + stride * j), b = get(in, n, k + stride * (j + m));
            wide c = get(in, n, k + stride * (j + 2 * m));
            wide sum = plus(b, c), half = minus(a, scaled(sum, 0.5));
            wide side = turned(scaled(minus(b, c), sine));
            long o = k + stride * 3 * j;
            put(out, n, o, plus(a, sum));
            put(out, n, o + stride, times(plus(half, side), w));
            put(out, n, o + 2 * stride, times(minus(half, side), w2));
        }
    }
}

KERNEL static void pass4(double *out, const double *in, const double *roots, long length,
    long stride, long lanes) {
    long n = length * lanes, m = n / (4 * stride), step = stride / lanes;
    for (long j = 0; j < m; j++) {
        wide w = get(roots, length, j * step), w2 = get(roots, length, 2 * j * step);
        wide w3 = get(roots, length, 3 * j * step);
        LANES for (long k = 0; k < stride; k++) {
            wide a = get(in, n, k + stride * j), b = get(in, n, k + stride * (j + m));
            wide c = get(in, n, k + stride * (j + 2 * m)), d = get(in, n, k + stride * (j + 3 * m));
            wide even = plus(a, c), odd = plus(b, d);
            wide left = minus(a, c), side = turned(minus(b, d));
            long o = k + stride * 4 * j;
            put(out, n, o, plus(even, odd));
            put(out, n, o + stride, times(plus(left, side), w));
            put(out, n, o + 2 * stride, times(minus(even, odd), w2));
            put(out, n, o + 3 * stride, times(minus(left, side), w3));
        }
    }
}

KERNEL static void pass5(double *out, const double *in, const double *roots, long length,
    long stride, long lanes) {
    long n = length * lanes, m = n / (5 * stride), step = stride / lanes;
    const double c1 = 0.30901699437494742410, c2 = -0.80901699437494742410;
    const double s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;
    for (long j = 0; j < m; j++) {
        wide w = get(roots, length, j * step), w2 = get(roots, length, 2 * j * step);
        wide w3 = get(roots, length, 3 * j * step), w4 = get(roots, length, 4 * j * step);
        LANES for (long k = 0; k < stride; k++) {
            wide a = get(in, n, k + stride * j), b = get(in, n, k + stride * (j + m));
            wide c = get(in, n, k + stride * (j + 2 * m)), d = get(in, n, k + stride * (j + 3 * m));
            wide e = get(in, n, k + stride * (j + 4 * m));
            wide near = plus(b, e), far = plus(c, d), rise = minus(b, e), fall = minus(c, d);
            wide p = plus(a, plus(scaled(near, c1), scaled(far, c2)));
            wide q = plus(a, plus(scaled(near, c2), scaled(far, c1)));
            wide u = turned(plus(scaled(rise, s1), scaled(fall, s2)));
            wide v = turned(minus(scaled(rise, s2), scaled(fall, s1)));
            long o = k + stride * 5 * j;
            put(out, n, o, plus(a, plus(near, far)));
            put(out, n, o + stride, times(plus(p, u), w));
            put(out, n, o + 2 * stride, times(plus(q, v), w2));
            put(out, n, o + 3 * stride, times(minus(q, v), w3));
            put(out, n, o + 4 * stride, times(minus(p, u), w4));
        }
    }
}

// Any radix: every output is a sum over all inputs of its butterfly.
KERNEL static void pass_any(double *out, const double *in, const double *roots, long length,
    long radix, long stride, long lanes) {
    long n = length * lanes, m = n / (radix * stride);
    long step = stride / lanes, turn = length / radix;
    for (long j = 0; j < m; j++) {
        for (long r = 0; r < radix; r++) {
            long o = stride * (radix * j + r);
            LANES for (long k = 0; k < stride; k++) put(out, n, o + k, get(in, n, k + stride * j));
            for (long q = 1; q < radix; q++) {
                wide c = get(roots, length, q * r % radix * turn);
                long from = stride * (j + q * m);
                LANES for (long k = 0; k < stride; k++)
                    put(out, n, o + k, plus(get(out, n, o + k), times(get(in, n, from + k), c)));
            }
            wide w = get(roots, length, r * j * step);
            LANES for (long k = 0; k < stride; k++)
                put(out, n, o + k, times(get(out, n, o + k), w));
        }
    }
}

void ck_fourier_pass(double *out, const double *in, const double *roots, long n, long radix,
    long stride, long lanes) {
    switch (radix) {
    case 2: return pass2(out, in, roots, n, stride, lanes);
    case 3: return pass3(out, in, roots, n, stride, lanes);
    case 4: return pass4(out, in, roots, n, stride, lanes);
    case 5: return pass5(out, in, roots, n, stride, lanes);
    default: return pass_any(out, in, roots, n, radix, stride, lanes);
    }
}

void ck_fourier_load(double *real, double *imaginary, const float *in, long n, long lanes) {
    for (long k = 0; k < n; k++) {
        real[k * lanes] = in[2 * k];
        imaginary[k * lanes] = in[2 * k + 1];
    }
}

void ck_fourier_load_half(double *real, double *imaginary, const float *in, long n, long lanes) {
    real[0] = in[0];
    imaginary[0] = 0;
    for (long k = 1; 2 * k <= n; k++) {
        double x = in[2 * k], y = 2 * k == n ? 0 : in[2 * k + 1];
        real[(n - k) * lanes] = x;
        imaginary[(n - k) * lanes] = -y;
        real[k * lanes] = x;
        imaginary[k * lanes] = y;
    }
}

void ck_fourier_load_real(double *real, double *imaginary, const float *in, long n, long lanes) {
    for (long k = 0; k < n; k++) {
        real[k * lanes] = in[k];
        imaginary[k * lanes] = 0;
    }
}

void ck_fourier_store(float *out, const double *real, const double *imaginary, double factor,
    long n, long lanes) {
    for (long k = 0; k < n; k++) {
        out[2 * k] = (float)(real[k * lanes] * factor);
        out[2 * k + 1] = (float)(imaginary[k * lanes] * factor);
    }
}

void ck_fourier_store_real(
    float *out, const double *real, double factor, long n, long lanes) {
    for (long k = 0; k < n; k++) out[k] = (float)(real[k * lanes] * factor);
}

KERNEL void ck_fourier_multiply(double *out, long out_plane, const double *a, long a_plane,
    const double *b, long n, long lanes) {
    for (long k = 0; k < n; k++) {
        wide w = get(b, n, k);
        LANES for (long i = k * lanes; i < (k + 1) * lanes; i++)
            put(out, out_plane, i, times(get(a, a_plane, i), w));
    }
}
