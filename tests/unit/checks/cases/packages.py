"""The checks on Python packages, from RK420 on: a machine that triggers each, and one that passes it."""

from __future__ import annotations

from rocmkit.facts import BundledRuntime, Facts, Hub, Library, Overlap, Tool
from tests.support.facts import HEALTHY, PYTHON, ROCM, SITE, changed, library, machine
from tests.unit.checks.rk4_support import with_packages

NO_FFMPEG = (Tool(name="ffmpeg", path=None, version=None),)
NO_TOKEN = Hub(token=False, path="~/.cache/huggingface/hub", models=())
DIARIZED = Hub(token=False, path="~/.cache/huggingface/hub", models=("pyannote/segmentation-3.0", "pyannote/speaker-diarization-3.1"))
PYANNOTE = with_packages({"pyannote-audio": "3.3.2", "lightning": "2.6.1", "pytorch-lightning": "2.6.1"})

CODEC = library(
    "torchcodec",
    f"{SITE}/torchcodec/libtorchcodec_core4.so",
    gpu_api="none",
    gfx=(),
    needs=("libtorch.so", "libavcodec.so.58", "libc.so.6"),
)
CODEC_CUDA = library(
    "torchcodec",
    f"{SITE}/torchcodec/libtorchcodec_core4.so",
    gpu_api="cuda",
    gfx=(),
    needs=("libtorch.so", "libnvrtc.so.13", "libc10_cuda.so", "libavcodec.so.58", "libtorch_cuda.so", "libcudart.so.13"),
)

CT2_HIP6 = library("ctranslate2", f"{SITE}/ctranslate2/lib/libctranslate2.so.4", needs=("libamdhip64.so.6",), rpath=("/opt/rocm/lib",))
CT2_HIP7 = library("ctranslate2", f"{SITE}/ctranslate2.libs/libctranslate2.so.4", needs=("libamdhip64.so.7", "libhipblas.so.3"))
HIP6 = Library(name="libamdhip64", soname="libamdhip64.so.6", file="/opt/rocm-6.3.4/lib/libamdhip64.so.6")
HIP7 = Library(name="libamdhip64", soname="libamdhip64.so.7", file="/opt/rocm-7.2.0/lib/libamdhip64.so.7")
ROCM7 = changed(ROCM, path="/opt/rocm-7.2.0", version="7.2.0", libraries=(HIP7,))


def openmp(package: str, file: str, soname: str | None) -> BundledRuntime:
    """A copy of an OpenMP runtime inside a package."""
    return BundledRuntime(kind="openmp", package=package, file=f"{SITE}/{file}", soname=soname)


GNU = (
    openmp("torch", "torch/lib/libgomp.so.1", "libgomp.so.1"),
    openmp("scikit-learn", "scikit_learn.libs/libgomp-a34b3233.so.1.0.0", None),
)
INTEL = openmp("ctranslate2", "ctranslate2.libs/libiomp5-9d2f.so", "libiomp5-9d2f.so")
LLVM = openmp("torch", "torch/lib/libomp.so", "libomp.so")

CV2 = Overlap(
    folder="cv2",
    packages=("opencv-python", "opencv-python-headless"),
    files=30,
    example="cv2/cv2.abi3.so",
    owner="opencv-python-headless",
)
ORT = Overlap(
    folder="onnxruntime",
    packages=("onnxruntime", "onnxruntime-rocm"),
    files=300,
    example="onnxruntime/capi/onnxruntime_pybind11_state.so",
    owner="onnxruntime",
)
MIGRAPHX = library("onnxruntime-migraphx", f"{SITE}/onnxruntime/capi/libonnxruntime.so.1.24.4", gpu_api="none", gfx=(), glibc="2.38")

CASES: dict[str, tuple[Facts, Facts]] = {
    "RK420": (machine(python=with_packages({"ctranslate2": "4.7.0"})), machine(python=with_packages({"ctranslate2": "4.7.1"}))),
    "RK421": (
        machine(python=with_packages({"torchcodec": "0.17.0"}, CODEC_CUDA)),
        machine(python=with_packages({"torchcodec": "0.9.1"}, CODEC)),
    ),
    "RK422": (machine(python=PYANNOTE), machine(python=with_packages({"pyannote-audio": "4.0.7"}))),
    "RK423": (machine(python=PYANNOTE, hub=NO_TOKEN), machine(python=PYANNOTE, hub=DIARIZED)),
    "RK424": (
        machine(python=with_packages({"openai-whisper": "20250625"}), tools=NO_FFMPEG),
        machine(python=with_packages({"openai-whisper": "20250625"})),
    ),
    "RK425": (
        machine(python=with_packages({"amdsmi": "7.0.2", "rocm-sdk-core": "7.10.0"}, runtimes=())),
        HEALTHY,
    ),
    "RK426": (machine(python=with_packages({"ctranslate2": "4.8.1"}, CT2_HIP7), rocm=(ROCM7,)), HEALTHY),
    "RK427": (machine(python=changed(PYTHON, runtimes=(*GNU, INTEL, LLVM))), machine(python=changed(PYTHON, runtimes=(*GNU, INTEL)))),
    "RK428": (
        machine(python=with_packages({"opencv-python": "5.0.0.93", "opencv-python-headless": "5.0.0.93"}, overlaps=(CV2,))),
        HEALTHY,
    ),
    "RK429": (machine(python=with_packages({"onnxruntime-migraphx": "1.24.4"}, MIGRAPHX)), HEALTHY),
    "RK430": (machine(python=changed(PYTHON, broken=(f"{SITE}/~orch",))), HEALTHY),
}
