from __future__ import annotations

from rocmkit.facts import Library, PythonLibrary, gap
from tests.support.facts import HEALTHY, ROCM, SITE, SYSTEM, changed, library, machine
from tests.unit.checks.rk4_support import (
    CHECKS,
    CT2_CUDA,
    CT2_HIP,
    ORT_CPU,
    SHERPA,
    UNREAD,
    USER,
    codes,
    finding,
    gpu,
    run,
    with_packages,
    without_torch,
)

HIP6 = Library(name="libamdhip64", soname="libamdhip64.so.6", file="/opt/rocm-6.3.4/lib/libamdhip64.so.6")
HIP7 = Library(name="libamdhip64", soname="libamdhip64.so.7", file="/opt/rocm-7.2.0/lib/libamdhip64.so.7")
NAVI = (gpu("gfx1100"),)


# RK403


def test_ctranslate2_for_cuda_on_gfx906() -> None:
    one = finding("RK403", USER)
    assert (one.subject, one.confidence) == ("ctranslate2", "sure")
    assert "rocmkit build ctranslate2 --arch gfx906" in str(one.fix and one.fix.text)
    assert one.fix and one.fix.commands == ()
    assert not any("rocmkit" in command for command in one.fix.commands + one.fix.verify)


def test_without_another_whisper_one_is_installed() -> None:
    one = finding("RK403", machine(python=with_packages({"ctranslate2": "4.6.1"}, CT2_CUDA)))
    assert one.fix and one.fix.commands == ("~/venv/bin/python -m pip install transformers",)


def test_ctranslate2_for_cuda_where_rocm_wheels_exist() -> None:
    one = finding("RK403", machine(python=with_packages({"ctranslate2": "4.6.1"}, CT2_CUDA), gpus=NAVI))
    assert one.fix and one.fix.commands == (
        "curl -fLO https://github.com/OpenNMT/CTranslate2/releases/latest/download/rocm-python-wheels-Linux.zip",
        "~/venv/bin/python -m zipfile -e rocm-python-wheels-Linux.zip ct2-rocm",
        "~/venv/bin/python -m pip install --force-reinstall --no-deps ct2-rocm/temp-linux/ctranslate2-*-cp310-cp310-*.whl",
    )


def test_ctranslate2_that_was_not_read_is_likely_for_cuda() -> None:
    unread = changed(CT2_CUDA, gpu_api="unknown", gfx=None, code=UNREAD)
    assert finding("RK403", machine(python=with_packages({"ctranslate2": "4.6.1"}, unread))).confidence == "likely"
    assert finding("RK403", machine(python=with_packages({"ctranslate2": "4.6.1"}))).confidence == "likely"
    assert run("RK403", machine(python=with_packages({"ctranslate2": "4.7.1+rocm62"}))).outcome == "skipped"


def test_ctranslate2_without_any_gpu() -> None:
    plain = library("ctranslate2", f"{SITE}/ctranslate2/libctranslate2.so.4", gpu_api="none", gfx=(), needs=())
    assert "without support for GPUs" in str(finding("RK403", machine(python=with_packages({"ctranslate2": "4.6.1"}, plain))).message)


def test_ctranslate2_for_rocm() -> None:
    assert run("RK403", machine(python=with_packages({"ctranslate2": "4.8.1"}, CT2_HIP))).outcome == "ok"


# RK404


def test_ctranslate2_for_other_gpus() -> None:
    one = finding("RK404", machine(python=with_packages({"ctranslate2": "4.8.1"}, CT2_HIP)))
    assert (one.subject, one.confidence) == ("ctranslate2 on gfx906", "sure")
    assert run("RK404", machine(python=with_packages({"ctranslate2": "4.8.1"}, CT2_HIP), gpus=NAVI)).outcome == "ok"


def test_ctranslate2_that_was_not_read_is_judged_by_the_list() -> None:
    unread = library("ctranslate2", CT2_HIP.file, gfx=None, needs=CT2_HIP.needs, unreadable=("compressed",))
    python = with_packages({"ctranslate2": "4.8.1"}, unread)
    assert finding("RK404", machine(python=python)).confidence == "likely"
    assert run("RK404", machine(python=python, gpus=NAVI)).outcome == "skipped"
    own = library("ctranslate2", CT2_HIP.file, gfx=None, needs=("libamdhip64.so.6",))
    assert run("RK404", machine(python=with_packages({"ctranslate2": "4.8.1"}, own))).outcome == "skipped"


def test_ctranslate2_for_a_rocm_that_is_not_here() -> None:
    python = with_packages({"ctranslate2": "4.8.1"}, CT2_HIP)
    one = finding("RK404", machine(python=python, gpus=NAVI, rocm=(changed(ROCM, libraries=(HIP6,)),)))
    assert (one.subject, one.confidence) == ("ctranslate2", "likely")
    assert "libamdhip64.so.7" in str(one.message)
    assert run("RK404", machine(python=python, gpus=NAVI, rocm=(changed(ROCM, libraries=(HIP6, HIP7)),))).outcome == "ok"
    bundled = library("torch", f"{SITE}/torch/lib/libamdhip64.so.7", gfx=())
    python = with_packages({"ctranslate2": "4.8.1"}, CT2_HIP, bundled)
    assert run("RK404", machine(python=python, gpus=NAVI, rocm=(changed(ROCM, libraries=(HIP6,)),))).outcome == "ok"


def test_ctranslate2_for_cuda_is_explained() -> None:
    assert codes(USER)["RK404"] == "skipped"
    assert run("RK404", USER).outcome == "skipped"


# RK405


def test_an_executable_stack() -> None:
    lib = library("ctranslate2", f"{SITE}/ctranslate2.libs/libctranslate2-d3638643.so.4.4.0", gpu_api="cuda", gfx=(), executable_stack=True)
    new = changed(SYSTEM, glibc="2.41")
    one = finding("RK405", machine(python=with_packages({"ctranslate2": "4.4.0"}, lib), system=new))
    assert (one.subject, one.confidence) == ("ctranslate2", "sure")
    assert one.fix and one.fix.commands == ('~/venv/bin/python -m pip install --upgrade "ctranslate2>=4.6"',)
    assert run("RK405", machine(python=with_packages({"ctranslate2": "4.4.0"}, lib))).outcome == "ok"  # glibc 2.35
    own = library("ctranslate2", f"{SITE}/ctranslate2.libs/libctranslate2.so.4", executable_stack=True)
    one = finding("RK405", machine(python=with_packages({"ctranslate2": "4.4.0"}, own), system=new))
    assert one.fix and one.fix.commands == (f"patchelf --clear-execstack {SITE}/ctranslate2.libs/libctranslate2.so.4",)


def test_a_library_that_says_nothing_of_its_stack_is_no_pass() -> None:
    silent = library("ctranslate2", CT2_CUDA.file, gpu_api="cuda", gfx=(), executable_stack=None)
    one = finding("RK405", machine(python=with_packages({"ctranslate2": "4.6.1"}, silent), system=changed(SYSTEM, glibc="2.41")))
    assert one.confidence == "likely"
    assert "no GNU_STACK header" in one.seen[0].what


def test_no_executable_stack() -> None:
    new = changed(SYSTEM, glibc="2.41")
    assert run("RK405", machine(python=with_packages({"ctranslate2": "4.6.1"}, CT2_CUDA), system=new)).outcome == "ok"
    unread = changed(CT2_CUDA, code=UNREAD)
    assert run("RK405", machine(python=with_packages({"ctranslate2": "4.6.1"}, unread), system=new)).outcome == "skipped"
    assert finding("RK405", machine(python=with_packages({"ctranslate2": "4.5.0"}, unread), system=new)).confidence == "likely"
    blind = changed(SYSTEM, glibc=gap("absent", "libc"))
    assert run("RK405", machine(python=with_packages({"ctranslate2": "4.5.0"}, unread), system=blind)).outcome == "skipped"


# RK406


def test_two_builds_over_one_another() -> None:
    one = finding("RK406", machine(python=with_packages({"onnxruntime": "1.23.2", "onnxruntime-gpu": "1.23.2"})))
    assert (one.subject, one.confidence) == ("onnxruntime + onnxruntime-gpu", "sure")
    assert one.fix and one.fix.commands == (
        "~/venv/bin/python -m pip uninstall -y onnxruntime onnxruntime-gpu",
        "~/venv/bin/python -m pip install onnxruntime",
    )
    one = finding("RK406", machine(python=with_packages({"onnxruntime": "1.23.2", "onnxruntime-gpu": "1.23.2"}), gpus=NAVI))
    assert one.fix and one.fix.commands[1] == '~/venv/bin/python -m pip install "onnxruntime-rocm>=1.22.2.post2" numpy'


def test_onnxruntime_for_cuda() -> None:
    assert finding("RK406", machine(python=with_packages({"onnxruntime-gpu": "1.23.2"}))).confidence == "likely"
    cuda = library("onnxruntime-gpu", f"{SITE}/onnxruntime/capi/libonnxruntime_providers_cuda.so", gpu_api="cuda", gfx=())
    assert finding("RK406", machine(python=with_packages({"onnxruntime-gpu": "1.23.2"}, cuda))).confidence == "sure"


def test_plain_onnxruntime() -> None:
    one = finding("RK406", machine(python=without_torch({"onnxruntime": "1.23.2"}, ORT_CPU)))
    assert (one.subject, one.confidence) == ("onnxruntime", "likely")
    idle = run("RK406", machine(python=with_packages({"onnxruntime": "1.23.2"}, ORT_CPU)))  # torch computes here
    assert "nothing here is known to want it" in str(idle.because)
    assert one.fix and one.fix.commands == ()
    assert run("RK406", machine(python=with_packages({"onnxruntime": "1.23.2", "faster-whisper": "1.2.1"}, ORT_CPU))).outcome == "ok"
    assert run("RK406", USER).outcome == "ok"  # sherpa-onnx is here too, and uses an ONNX Runtime of its own
    assert finding("RK419", USER).subject == "onnxruntime"
    unread = changed(ORT_CPU, gpu_api="unknown", code=UNREAD)
    assert run("RK406", machine(python=with_packages({"onnxruntime": "1.23.2"}, unread))).outcome == "skipped"


ARCHS = ("gfx908", "gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1101", "gfx1200", "gfx1201")


def rocm_provider(**changes: object) -> PythonLibrary:
    file = f"{SITE}/onnxruntime/capi/libonnxruntime_providers_rocm.so"
    return library("onnxruntime-rocm", file, **{"gfx": ARCHS, "needs": ("libhipblas.so.3", "libamdhip64.so.7"), **changes})


def test_onnxruntime_for_rocm_without_this_gpu() -> None:
    python = with_packages({"onnxruntime-rocm": "1.22.2.post3"}, rocm_provider())
    one = finding("RK406", machine(python=python))
    assert one.confidence == "sure"
    assert "no code for gfx906" in str(one.message)
    assert run("RK406", machine(python=python, gpus=NAVI)).outcome == "ok"
    own = with_packages({"onnxruntime-rocm": "1.22.1"}, rocm_provider(gfx=("gfx906",), needs=("libamdhip64.so.6",)))
    assert run("RK406", machine(python=own)).outcome == "ok"


def test_onnxruntime_for_rocm_that_was_not_read() -> None:
    python = with_packages({"onnxruntime-rocm": "1.22.2.post3"})
    assert finding("RK406", machine(python=python)).confidence == "likely"
    assert run("RK406", machine(python=python, gpus=NAVI)).outcome == "skipped"
    assert run("RK406", machine(python=with_packages({"onnxruntime-rocm": "1.22.2.post3"}, rocm_provider(gfx=None)))).outcome == "skipped"


def test_onnxruntime_for_another_rocm() -> None:
    python = with_packages({"onnxruntime-rocm": "1.22.2.post3"}, rocm_provider())
    one = finding("RK406", machine(python=python, gpus=NAVI, rocm=(changed(ROCM, libraries=(HIP6,)),)))
    assert "libamdhip64.so.7" in str(one.message)
    assert one.confidence == "likely"


def test_migraphx_compiles_on_the_machine() -> None:
    lib = library(
        "onnxruntime-migraphx", f"{SITE}/onnxruntime/capi/libonnxruntime_providers_migraphx.so", gfx=(), needs=("libamdhip64.so.7",)
    )
    assert run("RK406", machine(python=with_packages({"onnxruntime-migraphx": "1.27.1"}, lib))).outcome == "ok"


# RK418


def test_sherpa() -> None:
    one = finding("RK418", USER)
    assert (one.subject, one.confidence) == ("sherpa-onnx", "sure")
    assert CHECKS["RK418"].severity == "warning"
    assert finding("RK418", machine(python=with_packages({"sherpa-onnx": "2.0.1"}))).confidence == "likely"
    own = library("sherpa-onnx", f"{SITE}/sherpa_onnx/lib/libonnxruntime_providers_rocm.so")
    assert run("RK418", machine(python=with_packages({"sherpa-onnx": "2.0.1"}, SHERPA, own))).outcome == "ok"
    assert run("RK418", HEALTHY).outcome == "skipped"
