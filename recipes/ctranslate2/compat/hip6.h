// What CTranslate2 4.8 takes from HIP 7, for HIP 6. Force-included (-include) into every C++ and HIP compile; on HIP 7 it adds nothing.
#pragma once

#if defined(__HIP__) && defined(__cplusplus)
#include <hip/hip_version.h>

#if HIP_VERSION_MAJOR < 7
// hipBLAS 2 has the signatures that hipBLAS 3 made the only ones (hipDataType, hipblasComputeType_t), behind this macro.
#ifndef HIPBLAS_V2
#define HIPBLAS_V2
#endif

// The lanes of a wavefront run in step, and its accesses to shared memory stay in order: what is left to do is to keep the compiler
// from moving them across this point. No lane waits, so a mask of any width is honoured, and divergent callers cannot deadlock as they
// would in __syncthreads(). A template, so that a function of the same name, should a header have one, is preferred.
template <typename Mask = unsigned long long>
__attribute__((device)) inline void __syncwarp(Mask = ~Mask(0)) {
  __builtin_amdgcn_fence(__ATOMIC_RELEASE, "wavefront");
  __builtin_amdgcn_wave_barrier();
  __builtin_amdgcn_fence(__ATOMIC_ACQUIRE, "wavefront");
}
#endif

#endif
