// What kernels written once for vectors of any length are made of: here of 16, with AVX-512.

#undef OF
#undef VECTOR
#undef LANE_MASK
#undef LANE_COUNT
#undef LANES_TARGET
#undef LANES_INLINE

#define OF(NAME) NAME##_16
#define VECTOR __m512
#define LANE_MASK __mmask16
#define LANE_COUNT 16
#define LANES_TARGET WIDE
#define LANES_INLINE WIDE_INLINE
