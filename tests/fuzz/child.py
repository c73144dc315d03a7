"""One reader in a process of its own: changed files until the time is up, or one saved file. Prints what happened as JSON."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import itertools
import json
import pathlib
import random
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

from rocmkit.gpucode import read_contents, read_file
from rocmkit.gpucode.contents import contents_of
from rocmkit.gpucode.kernel_file import read_kernel_file
from rocmkit.gpucode.source import File
from rocmkit.gpucode.wheel import Wheel
from rocmkit.host.recording import load_file
from rocmkit.model import to_json
from rocmkit.onnx.advice import advise
from rocmkit.onnx.read import read
from tests.fuzz import samples
from tests.fuzz.mutate import changed

#: What one input may take.
INPUT_SECONDS = 10
MEMORY_MIB = 200
_ADDRESSES = 4 << 30  # what the process may map at all: beyond it MemoryError comes, and the machine is spared


def _code(path: pathlib.Path) -> None:
    with contextlib.suppress(ValueError, OSError):
        to_json(read_file(path))
    to_json(read_contents(path, names=True))


def _wheel(path: pathlib.Path) -> None:
    with Wheel(path) as wheel:
        for member in wheel.members[:20]:
            with contextlib.suppress(ValueError, OSError):
                source = wheel.open(member.name)
                source.read(max(0, source.size - 100), 100)
                to_json(contents_of(source))
        to_json(wheel.about())


def _kernel_file(path: pathlib.Path) -> None:
    with File(path) as source:
        found = read_kernel_file(source, path.name, str(path))
        without = read_kernel_file(source, path.name)
    assert found is not None
    assert without is not None
    to_json(found)


def _recording(path: pathlib.Path) -> None:
    load_file(path)


def _onnx_model(path: pathlib.Path) -> None:
    graph = read(path)
    to_json([graph, advise(graph, "rocm"), advise(graph, "migraphx")])


class Reader(NamedTuple):
    """A reader, and files to change for it. ValueError and OSError are its documented errors."""

    run: Callable[[pathlib.Path], None]
    samples: Callable[[pathlib.Path], list[samples.Sample]]


READERS = {
    "gpu-code": Reader(_code, samples.gpu_code),
    "wheel": Reader(_wheel, samples.wheel_files),
    "kernel-file": Reader(_kernel_file, samples.kernel_files),
    "onnx-model": Reader(_onnx_model, samples.onnx_models),
    "recording": Reader(_recording, samples.recordings),
}


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def attempt(reader: Reader, path: pathlib.Path) -> str | None:
    """Run it; what went wrong."""
    faulthandler.dump_traceback_later(INPUT_SECONDS, exit=True)  # from a thread: also where C code does not come back
    begin = time.perf_counter()
    try:
        reader.run(path)
    except (ValueError, OSError):
        pass
    except BaseException:
        return traceback.format_exc()
    finally:
        faulthandler.cancel_dump_traceback_later()
    taken = time.perf_counter() - begin
    return f"it took {taken:.1f} s" if taken > INPUT_SECONDS / 2 else None


def fuzz(name: str, seed: int, seconds: float, folder: pathlib.Path) -> dict[str, object]:
    """Change and read until the time is up or something is wrong; the last input stays in `folder`."""
    reader = READERS[name]
    with tempfile.TemporaryDirectory() as scratch:
        whole = reader.samples(pathlib.Path(scratch))
    others = [sample.data for sample in whole]
    for sample in whole:
        (folder / sample.name).write_bytes(sample.wrap(sample.data))
        if problem := attempt(reader, folder / sample.name):
            return {"input": sample.name, "problem": f"as it is: {problem}"}
    before = _memory()
    until = time.monotonic() + seconds
    for number in itertools.count():
        if time.monotonic() > until:
            return {"runs": number, "memory_mib": _memory() - before}
        made = random.Random(f"{seed} {number}")
        sample = made.choice(whole)
        path = folder / sample.name
        path.write_bytes(sample.wrap(changed(made, sample.data, others)))
        problem = attempt(reader, path)
        if problem is None and _memory() - before > MEMORY_MIB:
            problem = f"it took {_memory() - before} MiB"
        if problem:
            return {"input": sample.name, "number": number, "problem": problem}
    raise AssertionError


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--input", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=906)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path())
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    if arguments.input:
        sys.stdout.write(f"{attempt(READERS[arguments.reader], arguments.input) or 'nothing wrong'}\n")
        return
    json.dump(fuzz(arguments.reader, arguments.seed, arguments.seconds, arguments.folder), sys.stdout)


if __name__ == "__main__":
    main()
