"""What PyTorch computes on the device, held against the same numbers in float64 on the processor."""

from __future__ import annotations

import contextlib
import importlib
import time
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

#: The largest error that rounding makes, by the largest value. float32 rounds by 0.00000006 and float16 by 0.0005, a few times in each of
#: these; fast ways to compute exp and erf are some times worse. On processors they came to 0.0000009 and 0.0015.
ROUNDED = {"float32": 2e-5, "float16": 5e-3, "bfloat16": 4e-2}
#: The same of long sums of products: TF32-like modes round the factors of float32 by 0.0005, and float16 may be summed in float16. One
#: product of 500 left out is some percent.
SUMMED = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 8e-2}

#: How PyTorch says that it has no code for a type on the processor: its dispatcher, and its macro for types.
_NOT_ON_CPU = ("not implemented for '", "Could not run 'aten::")
#: What only some builds have (aten/src/ATen/native/cuda/Blas.cpp: _int_mm).
_NOT_BUILT = "not compiled for "


class Case(NamedTuple):
    """Something to compute: `compute` of `inputs` on the device."""

    compute: Callable[..., Any]  # gives a tensor, or several
    inputs: Sequence[Any]  # on the processor
    plain: Callable[..., Any] | None = None  # how float64 computes it; None: in the same way


def torch_of(step: Mapping[str, Any]) -> tuple[Any, str]:
    """The module, and its name for the device. Starting a GPU that is not there raises with PyTorch's own reason."""
    torch = importlib.import_module("torch")
    if step["device"] != "gpu":
        return torch, "cpu"
    torch.cuda.init()
    return torch, "cuda:0"


def compared(torch: Any, step: Mapping[str, Any], cases: Sequence[Case], at_most: float) -> dict[str, Any]:
    """Compute every case twice, and hold both results against float64 on the processor.

    What this PyTorch never had is told as unsupported. On a GPU it has every type: to lack one there is a fault of the build.
    """
    _, device = torch_of(step)
    there = [(case, [_moved(one, device) for one in case.inputs]) for case in cases]
    measured: dict[str, Any] = {}
    results = []
    for name in ("first_seconds", "seconds"):  # kernels are compiled, loaded and chosen in the first run
        synchronize(torch, device)
        start = time.perf_counter()
        try:
            with torch.no_grad():
                results.append([_several(case.compute(*inputs)) for case, inputs in there])
            synchronize(torch, device)
        except (RuntimeError, AttributeError) as error:  # NotImplementedError is a RuntimeError
            if not _lacks(error, device):
                raise
            return {"unsupported": str(error).split("\n", 1)[0][:300]}
        measured[name] = round(time.perf_counter() - start, 4)
    if device != "cpu":
        measured["peak_bytes"] = torch.cuda.max_memory_allocated()
    with torch.no_grad():
        wanted = [_several((case.plain or case.compute)(*map(_exact, case.inputs))) for case in cases]
    measured["error"] = 0.0
    for got in results:
        for case_got, case_wanted in zip(got, wanted):
            for one, want in zip(case_got, case_wanted):
                fault = _misshapen(one, want, device)
                if fault:
                    return {**measured, "fault": fault}
                measured["error"] = max(measured["error"], _error(torch, one, want))
    return {**measured, "at_most": at_most}


def synchronize(torch: Any, device: str) -> None:
    """Wait for the GPU, so that what it dies of is the step that asked for it."""
    if device != "cpu":
        torch.cuda.synchronize()


def _lacks(error: Exception, device: str) -> bool:
    """Whether PyTorch itself is too old, or built without what was asked of it."""
    text = str(error)
    if isinstance(error, AttributeError):
        return text.startswith("module 'torch")
    return _NOT_BUILT in text or (device == "cpu" and any(words in text for words in _NOT_ON_CPU))


def _moved(tensor: Any, device: str) -> Any:
    return tensor.to(device)


def _exact(tensor: Any) -> Any:
    return tensor.double()


def _several(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def _misshapen(got: Any, want: Any, device: str) -> str | None:
    if str(got.device) != device:
        return f"RanElsewhere: the result is on {got.device}, not on {device}"
    if got.shape != want.shape:
        return f"WrongNumbers: the result has the shape {tuple(got.shape)}, not {tuple(want.shape)}"
    lost = int((~got.cpu().isfinite()).sum())
    return f"WrongNumbers: {lost} of {got.numel()} values are not finite" if lost else None


def _error(torch: Any, got: Any, want: Any) -> float:
    """The largest difference by the largest value; of complex numbers, the parts."""
    got = got.cpu()
    if got.is_complex():
        got, want = torch.view_as_real(got), torch.view_as_real(want)
    largest = float(want.abs().max())
    return float((got.double() - want.double()).abs().max()) / (largest or 1.0)


class Numbers:
    """Numbers of one type out of a seed, made on the processor: making them on the device would be one more thing to go wrong."""

    def __init__(self, torch: Any, step: Mapping[str, Any]) -> None:
        self._torch = torch
        self._dtype = getattr(torch, step.get("dtype", "float32"))
        self._generator = torch.Generator().manual_seed(step.get("seed", 1))

    def __call__(self, *shape: int) -> Any:
        """A tensor of that shape."""
        return self._torch.randn(shape, generator=self._generator).to(self._dtype)


@contextlib.contextmanager
def miopen(torch: Any, step: Mapping[str, Any]) -> Iterator[None]:
    """MIOpen off if the step asks for that, and afterwards as it was. Where it is off already, no step turns it on."""
    backend = torch.backends.cudnn  # PyTorch calls MIOpen so
    before = backend.enabled
    if not step["miopen"]:
        backend.enabled = False
    try:
        yield
    finally:
        backend.enabled = before
