// What kernels written once for vectors of any length are made of: here of 8, with AVX2.

#undef OF
#undef VECTOR
#undef LANE_MASK
#undef LANE_COUNT
#undef LANES_TARGET
#undef LANES_INLINE

#define OF(NAME) NAME##_8
#define VECTOR __m256
#define LANE_MASK __m256i
#define LANE_COUNT 8
#define LANES_TARGET EIGHT
#define LANES_INLINE EIGHT_INLINE
