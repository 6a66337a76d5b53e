// Parts of complex numbers. Part of CKernels.h.

#ifndef CK_COMPLEX_H
#define CK_COMPLEX_H

#pragma clang assume_nonnull begin

/// The number with the opposite imaginary part; complex64.
ck_unary _Nullable ck_conjugate(int dtype);
/// The imaginary part as float32; complex64.
ck_unary _Nullable ck_imaginary(int dtype);

#pragma clang assume_nonnull end

#endif
