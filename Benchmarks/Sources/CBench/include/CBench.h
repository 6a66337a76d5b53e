// What the machine itself can do, for the benchmarks to be held against.

#ifndef CBENCH_H
#define CBENCH_H

#pragma clang assume_nonnull begin

/// Keeps this process, and the threads that it will start, on the first cores of those it may use;
/// gives the number of cores that there are now.
int cb_limit_cores(int count);

/// a[i] = b[i] + 3·c[i] over n floats on a number of threads that stay for the whole run; with
/// `streaming` the stores pass the caches by. Arrays are 64-byte aligned.
void cb_triad(float *a, const float *b, const float *c, long n, int threads, int streaming);

/// a[i] = b[i] over n floats, in the same manner; a program calls both with one number of threads.
void cb_copy(float *a, const float *b, long n, int threads, int streaming);

/// The same by the caller alone.
void cb_copy_alone(float *a, const float *b, long n, int streaming);

/// 64-byte aligned floats on huge pages where the system gives them, all `value`; `shift` bytes
/// apart from a page's start.
float *_Nullable cb_floats(long n, float value, long shift);

/// Gives such floats back.
void cb_free(float *floats, long shift);

#pragma clang assume_nonnull end

#endif
