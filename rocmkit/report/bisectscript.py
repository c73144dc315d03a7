"""Programs to attach to a report: they show the crash with nothing but the packages that it takes."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rocmkit.doctor.advice import quote
from rocmkit.report.bisectvalues import Cure
from rocmkit.report.terminal import line
from rocmkit.trial.matrix import Step
from rocmkit.trial.search import FRESH

Ask = Mapping[str, Any]


def of_steps(steps: Iterable[Step], said: str) -> str:
    """Steps as a Python program. `said`: what came of them."""
    lines = [f"# {line(said)}", "import faulthandler", "", "faulthandler.enable()"]
    for step in steps:
        lines += ["", f"print({line(step.what)!r}, flush=True)", *code(step)]
    return "\n".join([*lines, "", 'print("it lived")', ""])


def code(step: Step) -> tuple[str, ...]:
    """What the worker does in a step, as plain lines of Python."""
    return tuple(_CODE[step.ask["do"]](step.ask))


def of_command(command: Iterable[str], said: str, cures: Iterable[Cure]) -> str:
    """A command as a shell script: as it is, and with each cure, behind an argument. `said`: what came of it as it is."""
    words = " ".join(map(quote, command))
    lines = [
        "#!/bin/sh",
        "# Usage: sh THIS [NUMBER OF A CURE], in the folder that the program runs in",
        'case "${1:-0}" in',
        "0)",
        f"    # {line(said)}",
        f"    {words}",
        "    ;;",
    ]
    for number, cure in enumerate(cures, 1):
        lines += [f"{number})", f"    # with {line(cure.does)} it lives, {cure.passes} times of {cure.runs}"]
        if cure.env:
            lines += [f"    # at the beginning of the Python program: {line(text)}" for text in cure.code]
            lines += [f"    {changed(cure.env)}{words}", "    ;;"]
        else:  # the program itself has to be changed
            way = f"At the beginning of the Python program: {'; '.join(cure.code)}" if cure.code else cure.fix.text
            lines += [f"    echo {quote(line(way))} >&2", "    exit 2", "    ;;"]
    return "\n".join([*lines, "esac", ""])


def changed(env: Mapping[str, str | None]) -> str:
    """Changes of the environment as what stands before a command; empty where there are none."""
    parts = [f"-u {name}" for name, value in env.items() if value is None]
    parts += [f"{name}={_value(value)}" for name, value in env.items() if value is not None]
    return f"env {' '.join(parts)} " if parts else ""


def _value(value: str) -> str:
    return '"$(mktemp -d)"' + shlex.quote(value.removeprefix(FRESH)) * (value != FRESH) if value.startswith(FRESH) else shlex.quote(value)


def _torch(make: Callable[[Ask, str], Iterable[str]]) -> Callable[[Ask], list[str]]:
    """Lines that need torch; `make` is told where numbers go, as arguments of `torch.randn`. The GPU is waited for at the end."""

    def lines(ask: Ask) -> list[str]:
        gpu = ask["device"] == "gpu"
        place = f'device="{"cuda:0" if gpu else "cpu"}", dtype=torch.{ask.get("dtype", "float32")}'
        off = ["torch.backends.cudnn.enabled = False  # MIOpen"] if ask.get("miopen") is False else []
        return ["import torch", *off, *make(ask, place), *(["torch.cuda.synchronize()"] if gpu else [])]

    return lines


def _rows(call: str) -> Callable[[Ask], list[str]]:
    """A call with rows `x` and a vector `y`."""
    return _torch(
        lambda _, place: (
            "for n in (1, 31, 33, 63, 65, 1500):",
            f"    x, y = torch.randn(67, n, {place}), torch.randn(n, {place})",
            f"    {call}",
        )
    )


def _matmul(ask: Ask, place: str) -> Iterable[str]:
    yield f"torch.matmul(torch.randn({ask['rows']}, {ask['inner']}, {place}), torch.randn({ask['inner']}, {ask['columns']}, {place}))"


def _int8(ask: Ask, place: str) -> Iterable[str]:
    place = place.partition(",")[0] + ", dtype=torch.int8"
    left, right = f"({ask['rows']}, {ask['inner']})", f"({ask['inner']}, {ask['columns']})"
    yield f"torch._int_mm(torch.randint(-128, 128, {left}, {place}), torch.randint(-128, 128, {right}, {place}))"


def _bmm(ask: Ask, place: str) -> Iterable[str]:
    batch, rows, inner, columns = (ask[name] for name in ("batch", "rows", "inner", "columns"))
    yield f"torch.bmm(torch.randn({batch}, {rows}, {inner}, {place}), torch.randn({batch}, {inner}, {columns}, {place}))"


def _linear(ask: Ask, place: str) -> Iterable[str]:
    rows, inner, columns = (ask[name] for name in ("rows", "inner", "columns"))
    yield f"weight, bias = torch.randn({columns}, {inner}, {place}), torch.randn({columns}, {place})"
    yield f"torch.nn.functional.linear(torch.randn({rows}, {inner}, {place}), weight, bias)"


def _conv1d(ask: Ask, place: str) -> Iterable[str]:
    yield f"x = torch.randn(1, {ask['channels']}, {ask['length']}, {place})"
    yield f"weight = torch.randn({ask['out']}, {ask['channels'] // ask['groups']}, {ask['kernel']}, {place})"
    yield f"bias = torch.randn({ask['out']}, {place})"
    given = ", ".join(f"{name}={ask[name]}" for name in ("stride", "padding", "groups"))
    yield f"torch.nn.functional.conv1d(x, weight, bias, {given})"


def _attention(ask: Ask, place: str) -> Iterable[str]:
    yield f"q, k, v = (torch.randn(1, 8, 1500, 64, {place}) for _ in range(3))"
    if not ask["math"]:
        yield "torch.nn.functional.scaled_dot_product_attention(q, k, v)"
        return
    yield "from torch.nn.attention import SDPBackend, sdpa_kernel"
    yield "with sdpa_kernel(SDPBackend.MATH):"
    yield "    torch.nn.functional.scaled_dot_product_attention(q, k, v)"


def _whisper(ask: Ask, place: str) -> Iterable[str]:
    yield "from transformers import WhisperConfig, WhisperForConditionalGeneration"
    sizes = {"d_model": 512, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 8, "decoder_attention_heads": 8}
    sizes |= {"encoder_ffn_dim": 2048, "decoder_ffn_dim": 2048}
    yield f"config = WhisperConfig({', '.join(f'{name}={value}' for name, value in sizes.items())})"
    yield f"model = WhisperForConditionalGeneration(config).train(False).to({place})"
    yield "with torch.no_grad():"
    yield f"    heard = model.get_encoder()(torch.randn(1, 80, 3000, {place}))"
    if ask["do"] == "whisper_generate":
        yield f"    words = torch.tensor([[50258]], {place.partition(',')[0]})"
        yield "    for _ in range(5):"
        yield "        scores = model(encoder_outputs=heard, decoder_input_ids=words).logits"
        yield "        words = torch.cat([words, scores[:, -1:].argmax(-1)], dim=1)"


_CODE: dict[str, Callable[[Ask], Iterable[str]]] = {
    "import": lambda ask: [f"import {ask['module']}"],
    "device": _torch(
        lambda ask, _: ["print(torch.cuda.get_device_properties(0))" if ask["device"] == "gpu" else "print(torch.__version__)"]
    ),
    "copy": _torch(lambda _, place: [f"x = torch.randn(1 << 24).to({place}).clone().cpu()"]),
    "elementwise": _rows("x * y + x - y"),
    "sum": _rows("x.sum(-1), x.sum(0)"),
    "softmax": _rows("x.softmax(-1)"),
    "layer_norm": _rows("torch.nn.functional.layer_norm(x, (n,), y, y)"),
    "gelu": _rows("torch.nn.functional.gelu(x)"),
    "matmul": _torch(_matmul),
    "int8_matmul": _torch(_int8),
    "bmm": _torch(_bmm),
    "linear": _torch(_linear),
    "conv1d": _torch(_conv1d),
    "attention": _torch(_attention),
    "rfft": _torch(
        lambda _, place: ["for n in (400, 401, 1009, 16000):", f"    torch.fft.irfft(torch.fft.rfft(torch.randn(5, n, {place})), n=n)"]
    ),
    "stft": _torch(
        lambda _, place: [f"torch.stft(torch.randn(1, 32000, {place}), 400, 160, window=torch.ones(400, {place}), return_complex=True)"]
    ),
    "whisper_encoder": _torch(_whisper),
    "whisper_generate": _torch(_whisper),
    "jit": lambda _: [
        "import numba, numpy",
        "@numba.njit",
        "def squares(values):",
        "    total = 0.0",
        "    for value in values:",
        "        total += value * value",
        "    return total",
        "squares(numpy.arange(1009, dtype=numpy.float64))",
    ],
    "resample": lambda _: [
        "import librosa, numpy",
        "librosa.resample(numpy.ones(44100, dtype=numpy.float32), orig_sr=44100, target_sr=16000)",
        'librosa.resample(numpy.ones(44100, dtype=numpy.float32), orig_sr=44100, target_sr=16000, res_type="polyphase")',
    ],
    "resampy": lambda _: ["import numpy, resampy", "resampy.resample(numpy.ones(44100, dtype=numpy.float32), 44100, 16000)"],
    "ct2_device": lambda ask: [
        "import ctranslate2",
        "print(ctranslate2.get_cuda_device_count())",
        f'print(ctranslate2.get_supported_compute_types("{"cuda" if ask["device"] == "gpu" else "cpu"}"))',
    ],
    "ct2_copy": lambda ask: [
        "import ctranslate2, numpy",
        "x = ctranslate2.StorageView.from_array(numpy.ones((1500, 512), dtype=numpy.float32))",
        f"x.to_device(ctranslate2.Device.{'cuda' if ask['device'] == 'gpu' else 'cpu'}).to_device(ctranslate2.Device.cpu)",
    ],
    "ort_providers": lambda _: ["import onnxruntime", "print(onnxruntime.get_available_providers())"],
}
