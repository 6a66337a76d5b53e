// Parts of complex numbers.

#include "complex_number.h"

UNARY(conjugate, c64, ((c64){x.re, -x.im}))
LOOKUP(ck_unary, ck_conjugate, [CK_C64] = conjugate_c64)

UNARY_TO(imaginary, c64, f32, x.im)
LOOKUP(ck_unary, ck_imaginary, [CK_C64] = imaginary_c64)
