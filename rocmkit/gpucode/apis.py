"""Which libraries and sections belong to which GPU programming interface.

Names of libraries, by where each name is defined: ROCm's packages (those of librocblas4, libhipblaslt1, libmiopen1 and librocfft0 were
read in Debian's, the others go by their projects' names), CUDA's redistributables, PyTorch (c10/hip, c10/cuda, caffe2/CMakeLists.txt)
and ONNX Runtime (cmake/onnxruntime_providers_*.cmake). Left out on purpose: what only watches GPUs or compiles for them
(librocm_smi64, libamd_smi, libamd_comgr, libnvidia-ml), since linking it says nothing of computing.

Sections: clang's CGCUDANV.cpp (`.hip_fatbin`, `.hipFatBinSegment`, `.nv_fatbin`, `.nvFatBinSegment`, `__nv_relfatbin`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_HIP = re.compile(
    r"lib(?:amdhip64|hsa-runtime64|hiprtc|hiprtc-builtins|MIOpen|migraphx\w*|rccl|roctx64|roctracer64|rocprofiler\w*"
    r"|(?:roc|hip)(?:blas|blaslt|fft|fftw|sparse|sparselt|solver|rand|alution|tensor|dnn\w*)"
    r"|torch_hip|torch_hip_linalg|c10_hip|onnxruntime_providers_(?:rocm|migraphx)|ggml-hip)",
    re.ASCII,
)
_CUDA = re.compile(
    r"lib(?:cuda|cudart|cublas|cublasLt|cudnn\w*|cufft|cufftw|cufile|cupti|curand|cusolver|cusolverMg|cusparse|cusparseLt|cutensor\w*"
    r"|nccl|nvrtc|nvrtc-builtins|nvJitLink|nvToolsExt|nvinfer\w*|nvonnxparser|nvshmem\w*"
    r"|torch_cuda\w*|c10_cuda|onnxruntime_providers_(?:cuda|tensorrt)|ggml-cuda)",
    re.ASCII,
)
# "libcudart-d0da41ae.so.11.0": auditwheel puts eight digits of a hash into the names of what it copies into a wheel.
_FILE = re.compile(r"(?P<stem>.+?)(?:-[0-9a-f]{8})?\.so(?:\.[0-9.]+)?(?:-[0-9a-f]{8})?", re.ASCII)

HIP_SECTIONS = frozenset({".hip_fatbin", ".hipFatBinSegment", ".rocm_kpack_ref"})
CUDA_FATBINS = frozenset({".nv_fatbin", "__nv_relfatbin"})
CUDA_SECTIONS = CUDA_FATBINS | {".nvFatBinSegment"}


def of_libraries(names: Iterable[str]) -> set[str]:
    """The interfaces ("hip", "cuda") that these sonames belong to."""
    found = set()
    for name in names:
        match = _FILE.fullmatch(name.rpartition("/")[2])
        stem = match["stem"] if match else name
        if _HIP.fullmatch(stem):
            found.add("hip")
        elif _CUDA.fullmatch(stem):
            found.add("cuda")
    return found


def of_sections(names: Iterable[str]) -> set[str]:
    """The interfaces that these section names belong to."""
    present = set(names)
    return {api for api, known in (("hip", HIP_SECTIONS), ("cuda", CUDA_SECTIONS)) if not known.isdisjoint(present)}
