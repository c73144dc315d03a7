// bfloat16 for CTranslate2 4.8 on HIP before 6.2, where __hip_bfloat16 is a bare struct of bits that converts to nothing. This folder goes
// first on the include path; nothing else among the headers that CTranslate2 takes from ROCm 6.1 includes <hip/hip_bf16.h>.
#pragma once

#include <hip/hip_version.h>

#if HIP_VERSION_MAJOR > 6 || (HIP_VERSION_MAJOR == 6 && HIP_VERSION_MINOR >= 2)
#include_next <hip/hip_bf16.h>
#else

#include <hip/hip_runtime.h>

#include <type_traits>

// The upper half of a float. It converts to and from float implicitly, so the arithmetic and the comparisons are those of float.
struct __hip_bfloat16 {
  __hip_bfloat16() = default;

  __host__ __device__ __hip_bfloat16(float value) : bits(upper(value)) {}

  __host__ __device__ operator float() const { return __builtin_bit_cast(float, static_cast<unsigned int>(bits) << 16); }

  // A choice between this and another of its kind is of that kind, which float would make ambiguous.
  __host__ __device__ __hip_bfloat16 operator-() const { return -static_cast<float>(*this); }

  __host__ __device__ __hip_bfloat16& operator+=(float other) { return *this = *this + other; }
  __host__ __device__ __hip_bfloat16& operator-=(float other) { return *this = *this - other; }
  __host__ __device__ __hip_bfloat16& operator*=(float other) { return *this = *this * other; }
  __host__ __device__ __hip_bfloat16& operator/=(float other) { return *this = *this / other; }

 private:
  // To the nearest, ties to even: an infinity stays one, as adding the half of a unit cannot carry into its exponent; a NaN is kept apart,
  // because the carry could make it an infinity or a zero; it is told by its bits, which no fast arithmetic takes away.
  static __host__ __device__ unsigned short upper(float value) {
    const unsigned int word = __builtin_bit_cast(unsigned int, value);
    if ((word & 0x7fffffff) > 0x7f800000) return static_cast<unsigned short>(word >> 16 | 0x40);
    return static_cast<unsigned short>((word + 0x7fff + (word >> 16 & 1)) >> 16);
  }

  unsigned short bits;
};

static_assert(sizeof(__hip_bfloat16) == 2 && std::is_trivial<__hip_bfloat16>::value, "it stands for 16 bits of memory");

// The functions that CTranslate2 calls by these names for either 16-bit type.
inline __device__ __hip_bfloat16 hsin(__hip_bfloat16 x) { return sinf(x); }
inline __device__ __hip_bfloat16 hcos(__hip_bfloat16 x) { return cosf(x); }
inline __device__ __hip_bfloat16 hexp(__hip_bfloat16 x) { return expf(x); }
inline __device__ __hip_bfloat16 hlog(__hip_bfloat16 x) { return logf(x); }
inline __device__ __hip_bfloat16 __habs(__hip_bfloat16 x) { return fabsf(x); }
inline __device__ __hip_bfloat16 __hmax(__hip_bfloat16 a, __hip_bfloat16 b) { return fmaxf(a, b); }

#endif
