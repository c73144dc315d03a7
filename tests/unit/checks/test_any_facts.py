"""Facts that are right in type and wrong in sense: whatever stands in them, a check answers and does not crash."""

from __future__ import annotations

import random
import types
import typing
from typing import Any, Literal, Union

import msgspec
import pytest

from rocmkit.doctor.check import all_checks
from rocmkit.doctor.examine import examine
from rocmkit.facts import Facts, Gap, GapBody
from rocmkit.trial.values import Trial
from tests.unit.checks.cases import CASES, pairs
from tests.unit.checks.cases.first import DIED

WORDS = (
    *("", "0", "-1", "0,1", "GPU-1", "ok", "EACCES", "EPERM", "ENOMEM", "9.0.6", "9.0.99", "6.1", "6.3.4", "7.2", "7.13.0", "²", "1e9"),
    *("gfx906", "gfx906:xnack+", "gfx1100", "gfx9-generic", "gfx", "amdgcnspirv", "torch", "ctranslate2", "onnxruntime", "numba", "numpy"),
    *("2.6.0+rocm6.1", "2.9.1+rocm6.3", "2.11.0+rocm7.2", "2.9.1+cu128", "2.9.1", "0.62.1", "3.10.12", "3.13.5", "6.8.5", "x" * 300),
    *("/dev/kfd", "/dev/dri/renderD128", "0000:03:00.0", "amdgpu", "vfio-pci", "/opt/rocm", "/opt/rocm-6.1.5/lib", "libamdhip64"),
    *("docker", "podman", "lxc", "ubuntu", "debian", "fedora", "arch", "pop", "~/.bashrc", "/etc/environment", "/proc/cmdline"),
    *("nomodeset", "modprobe.blacklist=amdgpu", "blacklist amdgpu", "2.41", "3.4.30", "cpython-313t-x86_64-linux-gnu", "6.8.0-87-generic"),
    *("libtorch_hip.so", "libhsa-runtime64", "libLLVM.so.20", "{x}", "[", "%s", "\n"),
    *("amdgpu 0000:03:00.0: probe with driver amdgpu failed with error -12", "skipped device 1002:66a1, PCI rejects atomics 1<2"),
    *("import-torch", "conv1d-k3-float16", "conv1d-k3-float16-without-miopen", "order-forwards", "jit-before-conv1d", "RanElsewhere: x"),
    *(DIED.format("librocblas.so.4"), "BAR 0: no space for [mem]", "Direct firmware load for amdgpu/x.bin failed with error -2"),
)
KEYS = (
    *("HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HSA_OVERRIDE_GFX_VERSION", "HSA_OVERRIDE_GFX_VERSION_1", "LD_LIBRARY_PATH"),
    *("LD_PRELOAD", "torchaudio", "torchvision", "llvmlite", "onnxruntime-rocm", "faster-whisper", "sherpa-onnx", "openai-whisper"),
)


def anything(kind: Any, dice: random.Random, depth: int = 0) -> Any:
    """A value of that type."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        known = [argument for argument in arguments if argument is not Gap]
        return anything(Gap if Gap in arguments and dice.random() < 0.1 else dice.choice(known), dice, depth)
    if origin is Literal:
        return dice.choice(arguments)
    if origin is tuple:
        return tuple(anything(arguments[0], dice, depth + 1) for _ in range(dice.choice((0, 1, 1, 2, 3))))
    if origin is dict:
        return {dice.choice((*WORDS, *KEYS)): anything(arguments[1], dice, depth + 1) for _ in range(dice.choice((0, 1, 3)))}
    if kind is Any:
        return dice.choice((None, 0, 1.5, "words", ["words"], {"Conv": "CPUExecutionProvider"}))
    if kind is Gap:
        return Gap(GapBody("denied", "why"))
    if kind is type(None):
        return None
    if kind is bool:
        return dice.random() < 0.5
    if kind is int:
        return dice.choice((0, 1, 2, 44, 109, 65534, 90006, 1 << 40, -1))
    if kind is float:
        return dice.choice((0.0, 8.0, 16.0))
    if kind is str:
        return dice.choice(WORDS)
    return kind(**{name: anything(field, dice, depth + 1) for name, field in typing.get_type_hints(kind).items()})


def mutated(value: Any, kind: Any, dice: random.Random) -> Any:
    """The value with one of its fields, at some depth, replaced by anything of its type."""
    if isinstance(value, tuple) and value and typing.get_origin(kind) is tuple and dice.random() < 0.7:
        index = dice.randrange(len(value))
        return (*value[:index], mutated(value[index], typing.get_args(kind)[0], dice), *value[index + 1 :])
    if not isinstance(value, msgspec.Struct) or dice.random() < 0.15:
        return anything(kind, dice)
    hints = typing.get_type_hints(type(value))
    name = dice.choice(list(hints))
    return msgspec.structs.replace(value, **{name: mutated(getattr(value, name), hints[name], dice)})


def survives(facts: Facts, trials: tuple[Trial, ...] | Gap) -> None:
    results = examine(facts, all_checks(), trials)
    assert [f"{one.code}: {one.because}" for one in results if one.outcome == "crashed"] == []
    assert all(one.seen for one in results if one.outcome == "ok")


@pytest.mark.parametrize("seed", range(8))
def test_any_facts_of_the_right_types_give_outcomes(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(60):
        survives(anything(Facts, dice), anything(tuple[Trial, ...] | Gap, dice))


@pytest.mark.parametrize("code", sorted(CASES))
def test_a_machine_with_some_of_its_facts_changed_gives_outcomes(code: str) -> None:
    dice = random.Random(code)
    for facts, bad in pairs(code):
        for _ in range(12):
            for _ in range(dice.randint(1, 4)):
                facts = mutated(facts, Facts, dice)
            survives(facts, tuple(mutated(trial, Trial, dice) for trial in bad) if isinstance(bad, tuple) else bad)
