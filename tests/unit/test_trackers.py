"""A failure that nobody knows points to the project in which it happened, what lies deepest first."""

from __future__ import annotations

import pytest

from rocmkit.doctor.told import told
from rocmkit.kb.issues import trackers
from rocmkit.logs.match import match
from rocmkit.report.log import published

VENV = "/home/user/venv/lib/python3.12/site-packages"


def traceback(*frames: str, error: str = "RuntimeError: something that nobody has seen before") -> str:
    lines = [f'  File "{frame}", line {10 + number}, in run\n    call()' for number, frame in enumerate(("/home/user/asr.py", *frames))]
    return "\n".join(["Traceback (most recent call last):", *lines, error])


def package(*names: str, error: str = "RuntimeError: something that nobody has seen before") -> str:
    return traceback(*(f"{VENV}/{name}" for name in names), error=error)


CALL = "torch/nn/modules/module.py"

UNKNOWN = [
    # the stack below Python
    ("amdgpu, the kernel driver", "[  812.1] amdgpu 0000:03:00.0: amdgpu: Failed to frobnicate the ring buffer object"),
    ("amdgpu, the kernel driver", "[  812.1] [drm:amdgpu_frob_init [amdgpu]] *ERROR* frob failed with 42"),
    ("amdgpu, the kernel driver", "[  812.1] RIP: 0010:amdgpu_vm_frob+0x12/0x90 [amdgpu]"),
    ("ROCr, the ROCm runtime", "hsa api call failure at: rocminfo.cc:1329. Call returned HSA_STATUS_ERROR_FROB: frobbed."),
    ("ROCr, the ROCm runtime", "/opt/rocm/lib/libhsa-runtime64.so.1(+0x12345) [0x7f0000000000]"),
    ("HIP, the GPU runtime", ":1:hip_frob.cpp :507 : 123 us: [pid:1 tid:0x7f] Frob failed"),
    ("HIP, the GPU runtime", "#3  0x00007ffff0 in hip::frob() () from /opt/rocm-6.3.4/lib/libamdhip64.so.6"),
    ("the ROCm compiler", "PLEASE submit a bug report to https://github.com/llvm/llvm-project/issues/ and include the crash backtrace."),
    ("the ROCm compiler", "clang++: error: clang frontend command failed with exit code 139 (use -v to see invocation)"),
    ("rocBLAS", "rocBLAS error: frob in a kernel that nobody has seen"),
    ("rocBLAS", "/opt/rocm/lib/librocblas.so.4(+0x1234567) [0x7f0000000000]"),
    ("rocBLAS", "#1  0x00007f1234567890 n/a (librocblas.so.4 + 0x123456)"),
    ("hipBLASLt", "python3: symbol lookup error: /opt/rocm/lib/libhipblaslt.so.0: undefined symbol: frob"),
    ("rocFFT", "terminate called: rocfft_status_failure"[18:]),
    ("rocSOLVER, rocSPARSE and rocRAND", "/opt/rocm/lib/librocsparse.so.1: undefined symbol: frob"),
    ("MIOpen", "MIOpen(HIP): Error [Frob] No frob for this convolution"),
    ("MIOpen", "RuntimeError: miopenStatusVersionMismatch"),
    ("MIGraphX", "/home/user/AMDMIGraphX/src/targets/gpu/target.cpp:12: compile: frob"),
    ("RCCL", "/opt/rocm/lib/librccl.so.1(frob+0x12) [0x7f]"),
    # Python, from below
    ("llvmlite", package("numba/core/compiler.py", "llvmlite/binding/value.py")),
    ("Numba", package("whisper/timing.py", "numba/core/dispatcher.py")),
    ("SciPy", package("librosa/core/audio.py", "scipy/signal/_frob.py")),
    ("Triton", package("torch/_inductor/compile_fx.py", "triton/compiler/compiler.py")),
    ("FlashAttention", package("transformers/models/whisper/modeling_whisper.py", CALL, "flash_attn/flash_attn_interface.py")),
    ("bitsandbytes", package("transformers/quantizers/base.py", "bitsandbytes/nn/modules.py")),
    ("TorchCodec", package("torchaudio/_torchcodec.py", "torchcodec/decoders/_core/_frob.py")),
    ("torchaudio", package("torchaudio/functional/functional.py")),
    ("PyTorch", package("whisper/model.py", CALL, "torch/nn/modules/conv.py", error="RuntimeError: frob")),
    ("PyTorch", "frame #5: c10::frob() + 0x30 (0x7f0000000000 in /home/user/venv/lib/python3.12/site-packages/torch/lib/libc10.so)"),
    ("CTranslate2", package("faster_whisper/transcribe.py", "ctranslate2/specs/model_spec.py")),
    ("CTranslate2", "/home/user/venv/lib/python3.12/site-packages/ctranslate2.libs/libctranslate2-1e22bce9.so.4.6.0(_ZN4frob+0x12) [0x7f]"),
    ("ONNX Runtime", "2025-05-01 10:00:00.123 [E:onnxruntime:, frob.cc:12 Frob] frob is not what was expected"),
    ("ONNX Runtime", package("onnxruntime/capi/onnxruntime_inference_collection.py")),
    ("huggingface_hub", package("faster_whisper/utils.py", "huggingface_hub/_frob.py")),
    ("Tokenizers", package("transformers/models/whisper/tokenization_whisper.py", "tokenizers/implementations/base_tokenizer.py")),
    ("PyAV", package("faster_whisper/audio.py", "av/container/core.py")),
    ("librosa", package("librosa/core/spectrum.py")),
    ("vLLM", package("vllm/model_executor/models/whisper.py")),
    ("k2", package("k2/fsa.py")),
    ("sherpa-onnx", "/project/sherpa-onnx/csrc/offline-recognizer-impl.cc:Create:123 Failed to frob the model"),
    ("icefall", traceback("/home/user/icefall/egs/librispeech/ASR/zipformer/decode.py")),
    ("whisper.cpp", "whisper_init_with_params_no_state: failed to frob the model"),
    ("faster-whisper", package("faster_whisper/transcribe.py", error="AssertionError")),
    ("pyannote.audio", package("whisperx/diarize.py", "pyannote/audio/core/pipeline.py", error="KeyError: 'frob'")),
    ("WhisperX", package("whisperx/alignment.py", error="KeyError: 'frob'")),
    ("insanely-fast-whisper", package("insanely_fast_whisper/cli.py", error="KeyError: 'frob'")),
    ("Whisper", package("whisper/transcribe.py", error="KeyError: 'frob'")),
    (
        "Transformers",
        package("transformers/pipelines/base.py", CALL, "transformers/models/whisper/generation_whisper.py", error="KeyError: 'f'"),
    ),
    ("ESPnet", traceback("/home/user/espnet/espnet2/bin/asr_inference.py", error="KeyError: 'frob'")),
    ("SpeechBrain", package("speechbrain/inference/ASR.py", error="KeyError: 'frob'")),
    ("NumPy", package("numpy/lib/_frob.py", error="ValueError: frob")),
    # what builds and runs them
    ("pip", package("pip/_internal/resolution/frob.py", error="AssertionError")),
    ("Docker", "docker: Error response from daemon: frob: unknown."),
    ("Podman", "Error: crun: frob: OCI runtime error"),
    ("systemd", "May 01 10:00:00 host systemd[1]: Caught <SEGV>, dumped core as pid 4711."),
    ("GCC", "a.cpp:12:3: internal compiler error: in frob, at cp/frob.cc:12"),
    ("CMake", "CMake Error at cmake/Frob.cmake:12 (message):"),
    ("Ninja", "ninja: error: build.ninja:12: frob"),
]


@pytest.mark.parametrize(("project", "text"), UNKNOWN, ids=[f"{project}-{number}" for number, (project, _) in enumerate(UNKNOWN)])
def test_an_unknown_failure_points_to_its_project_first(project: str, text: str) -> None:
    log = match([f"starting\n{text}\n".encode()])
    assert log.hits == ()
    report = published(log, told(log), source="a.log")
    assert [where.project for where in report.report_to][:1] == [project]
    assert report.report_to[0].url.startswith("https://")


def test_most_projects_are_tried() -> None:
    assert len({project for project, _ in UNKNOWN}) >= 30
    projects = [tracker.project for tracker in trackers()]
    assert len(projects) == len(set(projects))
    assert {project for project, _ in UNKNOWN} <= set(projects)


@pytest.mark.parametrize(
    "text",
    [
        f"{VENV}/torch/nn/functional.py:123: UserWarning: frob is deprecated",
        f"Requirement already satisfied: numpy in {VENV} (2.2.6)",
        "\tlibrocblas.so.4 => /opt/rocm/lib/librocblas.so.4 (0x00007f0000000000)",
        ":3:hip_stream.cpp :370 : 1 us: [pid:1 tid:0x7f] hipStreamQuery: Returned hipErrorNotReady :",
        "amdgpu 0000:03:00.0: amdgpu: SMU is initialized successfully!",
        "We moved librocblas.so.4(+0x12) and fixed HSA_STATUS_ERROR_OUT_OF_RESOURCES.",
        "[I:onnxruntime:, inference_session.cc:594 Initialize] Initializing session.",
        "/project/sherpa-onnx/csrc/parse-options.cc:Read:372 sherpa-onnx --tokens=tokens.txt",
        "rocblas_status_success",
        "-- Found CMake, no CMake Error",
        f'the traceback had File "{VENV}/torch/cuda/__init__.py", line 12 in it',
    ],
)
def test_where_nothing_failed_nothing_is_pointed_to(text: str) -> None:
    assert match([f"{text}\n".encode()]).trackers == ()


def test_the_way_out_of_a_known_failure_names_no_project() -> None:
    log = match([b"rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: No such file for GPU arch : gfx906\n"])
    assert log.trackers == ("rocBLAS",)
    assert published(log, told(log), source="a.log").report_to == ()
