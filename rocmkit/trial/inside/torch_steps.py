"""Steps with PyTorch, from 1.13 on.

Rows are shorter and longer than the 32 and the 64 lanes of a wave and no multiple of them, so that a kernel made for the other width shows.
Numbers are spread around zero: the error is measured by the largest value, and a single one left out of 500 is some percent of that.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import time
from typing import Any, Callable, Mapping

from .torch_compare import ROUNDED, SUMMED, Case, Numbers, compared, miopen, synchronize, torch_of

_COLUMNS = (1, 31, 33, 63, 65, 1500)
_ROWS = 67


def _rows(compute: Callable[..., Any], step: Mapping[str, Any], vectors: int = 0, shortest: int = 1) -> dict[str, Any]:
    """`compute` of rows of every length from `shortest` on, and of so many vectors of that length."""
    torch, _ = torch_of(step)
    numbers = Numbers(torch, step)
    cases = [Case(compute, [numbers(_ROWS, n), *(numbers(n) for _ in range(vectors))]) for n in _COLUMNS if n >= shortest]
    return compared(torch, step, cases, ROUNDED[step["dtype"]])


def elementwise(step: Mapping[str, Any]) -> dict[str, Any]:
    """Add and multiply, with one value for each column."""
    return _rows(lambda x, y: x * y + x - y, step, vectors=1)


def row_sum(step: Mapping[str, Any]) -> dict[str, Any]:
    """Sum along rows and down columns."""
    return _rows(lambda x: (x.sum(-1), x.sum(0)), step)


def softmax(step: Mapping[str, Any]) -> dict[str, Any]:
    """Softmax along rows. The numbers are spread, so that one value left out moves the rest of its row."""
    torch, _ = torch_of(step)
    return _rows(lambda x: torch.softmax(x * 3, -1), step)


def layer_norm(step: Mapping[str, Any]) -> dict[str, Any]:
    """Layer norm along rows, with weights and biases. One number has no spread: what is left of it is rounding, 300 times enlarged."""
    torch, _ = torch_of(step)
    return _rows(lambda x, w, b: torch.nn.functional.layer_norm(x, x.shape[-1:], w, b), step, vectors=2, shortest=2)


def gelu(step: Mapping[str, Any]) -> dict[str, Any]:
    """GELU."""
    torch, _ = torch_of(step)
    return _rows(lambda x: torch.nn.functional.gelu(x * 3), step)


def matmul(step: Mapping[str, Any]) -> dict[str, Any]:
    """A matrix product, one of a single row, one of a small odd shape, and one with the second matrix turned."""
    torch, _ = torch_of(step)
    numbers = Numbers(torch, step)
    rows, inner, columns = step["rows"], step["inner"], step["columns"]
    right = numbers(inner, columns)
    cases = [
        Case(torch.matmul, [numbers(rows, inner), right]),
        Case(torch.matmul, [numbers(1, inner), right]),
        Case(torch.matmul, [numbers(63, 65), numbers(65, 33)]),
        Case(lambda x, y: torch.matmul(x, y.t()), [numbers(65, inner), numbers(33, inner)]),
    ]
    return compared(torch, step, cases, SUMMED[step["dtype"]])


def bmm(step: Mapping[str, Any]) -> dict[str, Any]:
    """Batched matrix products, as attention makes them."""
    torch, _ = torch_of(step)
    numbers = Numbers(torch, step)
    batch, rows, inner, columns = step["batch"], step["rows"], step["inner"], step["columns"]
    cases = [
        Case(torch.bmm, [numbers(batch, rows, inner), numbers(batch, inner, columns)]),
        Case(torch.bmm, [numbers(batch, 1, inner), numbers(batch, inner, columns)]),
    ]
    return compared(torch, step, cases, SUMMED[step["dtype"]])


def linear(step: Mapping[str, Any]) -> dict[str, Any]:
    """A linear layer with a bias."""
    torch, _ = torch_of(step)
    numbers = Numbers(torch, step)
    rows, inner, columns = step["rows"], step["inner"], step["columns"]
    case = Case(torch.nn.functional.linear, [numbers(rows, inner), numbers(columns, inner), numbers(columns)])
    return compared(torch, step, [case], SUMMED[step["dtype"]])


def int8_matmul(step: Mapping[str, Any]) -> dict[str, Any]:
    """A matrix product of whole numbers, which has no rounding; PyTorch has it from 2.1 on."""
    torch, _ = torch_of(step)
    generator = torch.Generator().manual_seed(step.get("seed", 1))
    shapes = ((step["rows"], step["inner"]), (step["inner"], step["columns"]))
    inputs = [torch.randint(-128, 128, shape, generator=generator, dtype=torch.int8) for shape in shapes]

    def product(x: Any, y: Any) -> Any:
        return torch._int_mm(x, y)

    return compared(torch, step, [Case(product, inputs, plain=torch.matmul)], 0.0)


def conv1d(step: Mapping[str, Any]) -> dict[str, Any]:
    """A convolution with a bias."""
    torch, _ = torch_of(step)
    numbers = Numbers(torch, step)
    weight = numbers(step["out"], step["channels"] // step["groups"], step["kernel"])
    settings = {name: step[name] for name in ("stride", "padding", "groups")}

    def compute(x: Any, w: Any, b: Any) -> Any:
        return torch.nn.functional.conv1d(x, w, b, **settings)

    with miopen(torch, step):
        case = Case(compute, [numbers(1, step["channels"], step["length"]), weight, numbers(step["out"])])
        return compared(torch, step, [case], SUMMED[step["dtype"]])


def attention(step: Mapping[str, Any]) -> dict[str, Any]:
    """Attention over Whisper's 1500 positions, of a few positions over those, and of each position over the ones before it."""
    torch, _ = torch_of(step)
    numbers = Numbers(torch, step)

    def compute(q: Any, k: Any, v: Any, causal: bool = False) -> Any:
        attend = torch.nn.functional.scaled_dot_product_attention  # PyTorch 1.13 has a switch, and nothing that it switches
        with _plain_products(torch) if step["math"] else contextlib.nullcontext():
            return attend(q, k, v, is_causal=causal)

    def plain(q: Any, k: Any, v: Any, causal: bool = False) -> Any:
        scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
        if causal:
            scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), float("-inf"))
        return scores.softmax(-1) @ v

    def inputs(queries: int, keys: int) -> list[Any]:
        return [numbers(1, 8, n, 64) for n in (queries, keys, keys)]

    cases = [
        Case(compute, inputs(1500, 1500), plain),
        Case(compute, inputs(5, 1500), plain),
        Case(functools.partial(compute, causal=True), inputs(65, 65), functools.partial(plain, causal=True)),
    ]
    return compared(torch, step, cases, SUMMED[step["dtype"]])


def _plain_products(torch: Any) -> Any:
    """PyTorch's switch to attention without fused kernels: sdpa_kernel from 2.3 on, sdp_kernel from 2.0 on."""
    if importlib.util.find_spec("torch.nn.attention"):
        new = importlib.import_module("torch.nn.attention")
        if hasattr(new, "sdpa_kernel"):
            return new.sdpa_kernel(new.SDPBackend.MATH)
    return torch.backends.cuda.sdp_kernel(enable_flash=False, enable_math=True, enable_mem_efficient=False)


def rfft(step: Mapping[str, Any]) -> dict[str, Any]:
    """A real Fourier transform and back. 401 and 1009 are prime, 400 is Whisper's window, 16000 a second of sound."""
    torch, _ = torch_of(step)
    numbers = Numbers(torch, step)

    def compute(x: Any) -> Any:
        there = torch.fft.rfft(x)
        return there, torch.fft.irfft(there, n=x.shape[-1])

    cases = [Case(compute, [numbers(5, n)]) for n in (400, 401, 1009, 16000)]
    return compared(torch, step, cases, ROUNDED["float32"])


def stft(step: Mapping[str, Any]) -> dict[str, Any]:
    """Short-time Fourier transforms with Whisper's window and step, of two seconds of sound."""
    torch, _ = torch_of(step)
    numbers = Numbers(torch, step)

    def compute(x: Any, window: Any) -> Any:
        return torch.stft(x, 400, 160, window=window, return_complex=True)

    return compared(torch, step, [Case(compute, [numbers(1, 32000), torch.hann_window(400)])], ROUNDED["float32"])


# What stands below


def device(step: Mapping[str, Any]) -> dict[str, Any]:
    """Count and name what PyTorch computes on."""
    torch, name = torch_of(step)
    measured = {"torch": str(torch.__version__), "hip": torch.version.hip, "threads": torch.get_num_threads()}
    if name == "cpu":
        return measured
    properties = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
    free, total = torch.cuda.mem_get_info(0)
    return {
        **measured,
        "gpus": [one.name for one in properties],
        "gfx": [getattr(one, "gcnArchName", "") for one in properties],
        "built_for": torch.cuda.get_arch_list(),
        "total_bytes": total,
        "free_bytes": free,
    }


def copy(step: Mapping[str, Any]) -> dict[str, Any]:
    """Copy numbers there, within the device and back: of every width, of odd sizes, and 64 MiB at once."""
    torch, place = torch_of(step)
    generator = torch.Generator().manual_seed(step.get("seed", 1))
    start = time.perf_counter()
    for dtype in (torch.uint8, torch.float16, torch.float32, torch.int64):
        for size in (1, 31, 33, 63, 65, 100_003, *((1 << 24,) if dtype == torch.float32 else ())):
            numbers = torch.randint(0, 256, (size,), generator=generator, dtype=torch.uint8).to(dtype)
            there = numbers.to(place).clone()
            for sent, back in ((numbers, there.cpu()), (numbers[::2], there[::2].contiguous().cpu())):
                wrong = int((sent != back).sum())
                if wrong:
                    return {"fault": f"WrongNumbers: {wrong} of {sent.numel()} values of {dtype} came back changed"}
    synchronize(torch, place)
    return {"seconds": round(time.perf_counter() - start, 4)}


STEPS = {
    "device": device,
    "copy": copy,
    "elementwise": elementwise,
    "sum": row_sum,
    "softmax": softmax,
    "layer_norm": layer_norm,
    "gelu": gelu,
    "matmul": matmul,
    "bmm": bmm,
    "linear": linear,
    "int8_matmul": int8_matmul,
    "conv1d": conv1d,
    "attention": attention,
    "rfft": rfft,
    "stft": stft,
}
