"""What models of PyTorch have in common: which device they are sent to, and where their weights are as they say themselves."""

from __future__ import annotations

import itertools
from typing import Any

from .backends import Ask, Backend

#: HIP's first GPU: a number is named, so that nothing may be chosen for us. Sending weights there raises where there is none.
GPU = "cuda:0"
_TYPES = ("float16", "bfloat16", "float32")


def place_of(ask: Ask) -> str:
    """The device that was asked for, in PyTorch's words."""
    return GPU if ask.device == "gpu" else "cpu"


def dtype_of(torch: Any, ask: Ask, usual: str) -> Any:
    """The type that was asked for, else the `usual` one. Raises ValueError where it is none of PyTorch's."""
    name = ask.compute_type or usual
    if name not in _TYPES:
        raise ValueError(f"{name} is no type that this system computes in: take one of {', '.join(_TYPES)}")
    return getattr(torch, name)


class TorchBackend(Backend):
    """A backend whose weights are a module of PyTorch's."""

    _finite = True

    def hold(self, torch: Any, module: Any) -> None:
        """Have `module` compute as it does when it is used, not trained, and take note of where its weights are.

        It is on the GPU if all of them are: what is left out is computed elsewhere.
        """
        self.torch, self.module = torch, module.train(mode=False)
        many: dict[str, int] = {}
        self._devices: dict[str, int] = {}
        for tensor in itertools.chain(module.parameters(), module.buffers()):
            size = tensor.numel() * tensor.element_size()
            self._devices[str(tensor.device)] = self._devices.get(str(tensor.device), 0) + size
            if tensor.is_floating_point():  # masks are none of what it computes in, and may be the larger part of a small model
                many[str(tensor.dtype)] = many.get(str(tensor.dtype), 0) + size
        if not many:
            raise ValueError("the model has no weights")
        self.device = "gpu" if all(name.startswith("cuda") for name in self._devices) else "cpu"
        self.dtype = max(many, key=lambda name: many[name]).replace("torch.", "", 1)
        self.weights_bytes = sum(self._devices.values())

    def claims(self) -> dict[str, str]:
        cuda = self.torch.cuda
        told = {
            "torch.version.hip": str(self.torch.version.hip),
            "parameters().device": ", ".join(f"{name}: {size} bytes" for name, size in self._devices.items()),
        }
        if self.device == "gpu":
            told["torch.cuda.get_device_name(0)"] = str(cuda.get_device_name(0))
            told["torch.cuda.get_device_properties(0).gcnArchName"] = str(getattr(cuda.get_device_properties(0), "gcnArchName", None))
            told["torch.cuda.max_memory_allocated(0)"] = str(cuda.max_memory_allocated(0))
        return told

    def notes(self) -> list[str]:
        if len(self._devices) == 1:
            return []
        places = ", ".join(f"{size} bytes on {name}" for name, size in self._devices.items())
        return [f"its weights are not all in one place: {places}"]

    def look_at(self, part: Any) -> None:
        """Look at all that this part of the model gives from now on, whether its numbers are finite."""

        def look(_: Any, __: Any, made: Any) -> None:
            first = made[0] if isinstance(made, (tuple, list)) else made
            first = first[0] if isinstance(first, (tuple, list)) else first
            self._finite = self._finite and bool(self.torch.isfinite(first).all())

        part.register_forward_hook(look)

    def looked(self) -> bool:
        """Whether what was looked at since this was asked the last time was finite."""
        found, self._finite = self._finite, True
        return found
