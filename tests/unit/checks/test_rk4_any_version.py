from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rocmkit.doctor.examine import examine
from rocmkit.facts import TorchBuild
from tests.support.facts import GPU, HEALTHY, PYTHON, ROCM, SITE, SYSTEM, changed, library, machine
from tests.unit.checks.rk4_support import (
    CHECKS,
    CT2_CUDA,
    CT2_HIP,
    LLVMLITE,
    ORT_CPU,
    UNREAD,
    gpu,
)

WORDS = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"\A[0-9]{1,30}(\.[0-9]{1,5}){0,4}((a|b|rc|\.post|\.dev)[0-9]{1,3})?(\+(rocm|cu|cpu)[0-9.]{0,8})?\Z"),
    st.sampled_from(["", "2.9.1+rocm6.3", "²", "1e9", "9" * 5000, "2.6.0+rocm6.1.40091", "4.6.1", "0.62.1", "2.4.0"]),
)
NAMES = (
    *(
        "torch",
        "torchaudio",
        "torchvision",
        "numba",
        "numpy",
        "llvmlite",
        "ctranslate2",
        "faster-whisper",
        "onnxruntime",
        "onnxruntime-gpu",
    ),
    *("onnxruntime-rocm", "onnxruntime-migraphx", "sherpa-onnx", "openai-whisper", "triton"),
)
MAYBE = st.one_of(st.none(), WORDS)


@given(
    packages=st.dictionaries(st.sampled_from(NAMES), WORDS),
    build=st.one_of(st.none(), st.just(UNREAD), st.builds(TorchBuild, version=MAYBE, hip=MAYBE, cuda=MAYBE)),
    python=WORDS,
    words=st.lists(WORDS, min_size=8, max_size=8),
    gfx=st.one_of(MAYBE, st.sampled_from(["gfx906", "gfx1100", "gfx1010"])),
    libraries=st.lists(st.sampled_from([CT2_CUDA, CT2_HIP, ORT_CPU, LLVMLITE, *PYTHON.libraries]), max_size=3),
)
def test_any_version_gives_an_outcome(
    packages: dict[str, str], build: object, python: str, words: list[str], gfx: str | None, libraries: list[object]
) -> None:
    odd = library("torch", f"{SITE}/torch/lib/libtorch_hip.so", gfx=(words[0],), glibc=words[1], glibcxx=words[2])
    driver = changed(HEALTHY.driver, version=words[3])
    rocm = (changed(ROCM, version=words[4]),)
    facts = machine(
        python=changed(PYTHON, packages=packages, torch=build, version=python, libraries=(odd, *libraries)),
        gpus=(GPU, gpu(gfx)),
        system=changed(SYSTEM, glibc=words[5], glibcxx=words[6], kernel=words[7]),
        driver=driver,
        rocm=rocm,
        env={"HSA_OVERRIDE_GFX_VERSION": words[0], "LD_LIBRARY_PATH": words[1]},
    )
    for result in examine(facts, CHECKS.values()):
        assert result.outcome != "crashed", f"{result.code} {result.because}"
