"""The checks that judge experiments alone: a machine, experiments that trigger each, and experiments that it passes on."""

from __future__ import annotations

from rocmkit.facts import Facts
from rocmkit.trial.values import Trial
from tests.support.facts import SITE, library, machine
from tests.support.trials import HANG, climbed, crash, fail
from tests.unit.checks.rk4_support import with_packages

#: All that speech programs compute with, built for ROCm where there is such a build.
STACK = machine(
    python=with_packages(
        {
            "scipy": "1.15.3",
            "resampy": "0.4.3",
            "librosa": "0.11.0",
            "transformers": "4.57.1",
            "ctranslate2": "4.6.1",
            "onnxruntime-rocm": "1.22.1",
        },
        library("ctranslate2", f"{SITE}/ctranslate2.libs/libctranslate2.so.4", needs=("libamdhip64.so.6",)),
    )
)
GOOD = climbed(STACK)

CASES: dict[str, tuple[Facts, Facts]] = dict.fromkeys(("RK431", "RK432", "RK433", "RK434", "RK435", "RK436"), (STACK, STACK))
TRIED: dict[str, tuple[tuple[Trial, ...], tuple[Trial, ...]]] = {
    "RK431": (climbed(STACK, {"import-numba": fail("ImportError: Numba needs NumPy 2.2 or less. Got NumPy 2.3.", known=("RK409",))}), GOOD),
    "RK432": (climbed(STACK, {"order-backwards": crash("libstdc++.so.6+0x99")}), GOOD),
    "RK433": (climbed(STACK, {"rfft": fail("RuntimeError: cuFFT error: CUFFT_INTERNAL_ERROR")}), GOOD),
    "RK434": (climbed(STACK, {"bmm-float16": HANG, "still-answers": HANG}), GOOD),
    "RK435": (climbed(STACK, {"onnxruntime-placement": fail("RanElsewhere: Conv did not run on ROCMExecutionProvider")}), GOOD),
    "RK436": (climbed(STACK, {"jit": crash("libllvmlite.so+0x7")}), GOOD),
}
