// Elementwise comparison, giving bool.

#include "complex_number.h"

#define MAKE_TEST(T, NAME, EXPRESSION) BINARY_TO(NAME, T, b8, EXPRESSION)
#define ROWS_ALL(N)                                                                                \
    [CK_BOOL] = N##_u8, ROWS_UNSIGNED(N), ROWS_SIGNED(N), ROWS_FLOATS(N), [CK_C64] = N##_c64

// Equality need not know the sign of an integer.
FOR_UNSIGNED(MAKE_TEST, equal, x == y)
FOR_FLOATS(MAKE_TEST, equal, x == y)
BINARY_TO(equal, c64, b8, complex_equal(x, y))
LOOKUP(ck_binary, ck_equal, [CK_BOOL] = equal_u8, ROWS_WRAPPING(equal), ROWS_FLOATS(equal),
    [CK_C64] = equal_c64)

FOR_UNSIGNED(MAKE_TEST, not_equal, x != y)
FOR_FLOATS(MAKE_TEST, not_equal, x != y)
BINARY_TO(not_equal, c64, b8, !complex_equal(x, y))
LOOKUP(ck_binary, ck_not_equal, [CK_BOOL] = not_equal_u8, ROWS_WRAPPING(not_equal),
    ROWS_FLOATS(not_equal), [CK_C64] = not_equal_c64)

#define MAKE_ORDER(NAME, SIGN, COMPLEX)                                                            \
    FOR_UNSIGNED(MAKE_TEST, NAME, x SIGN y)                                                        \
    FOR_SIGNED(MAKE_TEST, NAME, x SIGN y)                                                          \
    FOR_FLOATS(MAKE_TEST, NAME, x SIGN y)                                                          \
    BINARY_TO(NAME, c64, b8, COMPLEX)                                                              \
    LOOKUP(ck_binary, ck_##NAME, ROWS_ALL(NAME))

MAKE_ORDER(less, <, complex_less(x, y))
MAKE_ORDER(less_equal, <=, complex_less(x, y) | complex_equal(x, y))
MAKE_ORDER(greater, >, complex_less(y, x))
MAKE_ORDER(greater_equal, >=, complex_less(y, x) | complex_equal(x, y))
