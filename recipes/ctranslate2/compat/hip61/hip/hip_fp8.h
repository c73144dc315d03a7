// HIP has had this header since 6.2. CTranslate2 4.8 includes it and uses nothing of it, so for HIP before 6.2 an empty one will do.
#pragma once

#include <hip/hip_version.h>

#if HIP_VERSION_MAJOR > 6 || (HIP_VERSION_MAJOR == 6 && HIP_VERSION_MINOR >= 2)
#include_next <hip/hip_fp8.h>
#endif
