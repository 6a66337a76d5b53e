// Windows that slide over arrays whose last axis are channels; for float32 and float64.

#ifndef CK_WINDOW_H
#define CK_WINDOW_H

#pragma clang assume_nonnull begin

/// A row of windows: element t of window i is at x[taps[t] + i·step + channel].
typedef struct {
    const long *taps;
    long tap_count;
    long step;
    long width;
    long channels;
} ck_windows;

/// out[i·channels + c] = the largest element of window i in channel c; NaN if one is NaN.
typedef void (*ck_window_reduce)(void *out, const void *x, const ck_windows *windows);
ck_window_reduce _Nullable ck_window_max(int dtype);

/// The gradient by x, given y, the results, and dy by them: equal elements share dy equally. Writes
/// to dx, laid out as x, or adds to what is there.
typedef void (*ck_window_spread)(void *dx, const void *x, const void *y, const void *dy,
    const ck_windows *windows, int is_added);
ck_window_spread _Nullable ck_window_max_gradient(int dtype);

/// out[i·channels + c] = the mean of the elements of window i in channel c.
ck_window_reduce _Nullable ck_window_mean(int dtype);

/// The gradient of the means, given dy by them. Writes to dx, or adds to what is there.
typedef void (*ck_window_share)(
    void *dx, const void *dy, const ck_windows *windows, int is_added);
ck_window_share _Nullable ck_window_mean_gradient(int dtype);

/// A kernel for each channel, w[t·channels + c]. The first: out[i·channels + c] = the sum over t of
/// element t of window i times the kernel's. Its two transposes add to what is there: the second
/// to the kernels, from x and dy; the third to dx, laid out as x, from dy and the kernels.
typedef void (*ck_window_product)(
    void *out, const void *first, const void *second, const ck_windows *windows);
ck_window_product _Nullable ck_channel_products(int dtype);
ck_window_product _Nullable ck_channel_kernels(int dtype);
ck_window_product _Nullable ck_channel_spread(int dtype);

#pragma clang assume_nonnull end

#endif
