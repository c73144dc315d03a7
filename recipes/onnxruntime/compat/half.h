/* Newer hipify writes HIP's name for the largest half. HIP defines it for every compiler by a function that only its own has; without the
   name, ONNX Runtime takes the number. */
#pragma once
#include <hip/hip_fp16.h>
#if !defined(__HIP__)
#undef HIPRT_MAX_NORMAL_FP16
#endif
