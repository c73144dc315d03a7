"""How fast models are read, run and transcribed with, beside the onnx package, a bare ONNX Runtime and sherpa-onnx. On the processor.

python benchmarks/models.py --audio FOLDER [--runs N] [--write]

FOLDER holds WAV files of speech. The transducer is the tests' small one; the weights of the large file are noise.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import child
import table
from scratch import REPOSITORY, Scratch, machine, version

BEGIN, END = "<!-- models: begin -->", "<!-- models: end -->"
LIMIT_S = 600.0
PACKAGES = ("numpy", "onnx", "onnxruntime", "kaldi-native-fbank", "sherpa-onnx")
WEIGHTS = 1 << 28  # float32 numbers, in one file that protobuf still takes: below 2 GiB
FRAMES = 1415

#: Writes MODEL: argv[2] weights in matrices that are multiplied one after another.
LARGE = """
import sys
import numpy as np
from onnx import TensorProto as T, helper as h, numpy_helper as n
from pathlib import Path
side = 4096
many = int(sys.argv[2]) // side ** 2
random = np.random.default_rng(1)
weights = [n.from_array(random.standard_normal((side, side), np.float32), f"w{i}") for i in range(many)]
nodes = [h.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(many)]
ends = [h.make_tensor_value_info(name, T.FLOAT, ["N", side]) for name in ("x0", f"x{many}")]
Path(sys.argv[1]).write_bytes(h.make_model(h.make_graph(nodes, "large", ends[:1], ends[1:], weights)).SerializeToString())
"""
#: The same question to the onnx package: which operators there are.
COUNT = """
import collections, sys
import onnx
model = onnx.load(sys.argv[1])
print(collections.Counter(node.op_type for node in model.graph.node), model.metadata_props)
"""
#: A session alone says it too.
SESSION = """
import sys
import onnxruntime
print(onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"]).get_modelmeta().custom_metadata_map)
"""
#: What a placement report stands on, and no more: two runs with a profile.
PROFILE = """
import json, os, sys, tempfile
import numpy as np
import onnxruntime
with tempfile.TemporaryDirectory() as folder:
    options = onnxruntime.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, os.path.join(folder, "profile")
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    frames = int(sys.argv[2])
    for _ in range(3):
        session.run(None, {"x": np.ones((1, frames, 80), np.float32), "x_lens": np.array([frames])})
    print(len(json.load(open(session.end_profiling()))))
"""
SHERPA = """
import sys, wave
import numpy as np
import sherpa_onnx
from pathlib import Path
folder = Path(sys.argv[1])
part = {name: str(next(folder.glob(f"{name}*.onnx"))) for name in ("encoder", "decoder", "joiner")}
recognizer = sherpa_onnx.OfflineRecognizer.from_transducer(**part, tokens=str(folder / "tokens.txt"), num_threads=2)
for path in sys.argv[2:]:
    with wave.open(path) as file:
        rate, sound = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), np.int16) / 32768
    quiet = np.zeros(int(0.9 * rate))
    stream = recognizer.create_stream()
    stream.accept_waveform(rate, np.concatenate([quiet, sound, quiet]).astype(np.float32))
    recognizer.decode_stream(stream)
    print(stream.result.text)
"""


def cases(rocmkit: Path, python: Path, files: dict[str, Path], sounds: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """(what is done, with what, the command); of each matter the first is what the others are compared with."""
    binary, by = str(rocmkit / "bin/rocmkit"), str(python / "bin/python")
    for name in ("large", "encoder"):
        path, size = str(files[name]), files[name].stat().st_size
        what = f"Which operators, which metadata: {size / 1e6:.1f} MB"
        yield what, "rocmkit inspect", [binary, "inspect", path, "--json"]
        yield what, "onnx.load", [by, "-c", COUNT, path]
        yield what, "an ONNX Runtime session", [by, "-c", SESSION, path]
    what, encoder = "Where each operator runs: the small encoder", str(files["encoder"])
    shapes = ["--shape", f"x=1,{FRAMES},80", "--shape", "x_lens=1"]
    yield what, "rocmkit inspect --provider cpu", [binary, "inspect", encoder, "--provider", "cpu", "--python", by, *shapes]
    yield what, "a session with a profile, three runs", [by, "-c", PROFILE, encoder, str(FRAMES)]
    what, model = f"{len(sounds)} clips to text: the small transducer", str(files["encoder"].parent)
    yield what, "rocmkit transcribe", [binary, "transcribe", *sounds, "--model", model, "--provider", "cpu", "--python", by]
    yield what, "sherpa-onnx", [by, "-c", SHERPA, model, *sounds]


def made(folder: Path, python: Path, sounds: list[str]) -> dict[str, Path]:
    """The models, as files."""
    large, by = folder / "large.onnx", str(python / "bin/python")
    subprocess.run([by, "-m", "tests.support.zipformer", str(folder), *sounds], cwd=REPOSITORY, check=True)
    subprocess.run([by, "-c", LARGE, str(large), str(WEIGHTS)], check=True)
    return {"large": large, "encoder": next((folder / "model").glob("encoder*.onnx"))}


def render(where: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Everything that belongs between the markers."""
    parts = [
        f"{where['date']}: {where['cores']} cores ({where['architecture']}), Python {where['python']}, rocmkit {where['rocmkit']}, "
        f"{where['packages']}; {where['runs']} warm runs each, the start of the commands included."
    ]
    for what in dict.fromkeys(row["what"] for row in rows):
        own = [row for row in rows if row["what"] == what]
        lines = ["| with | median s | of rocmkit's | peak MB | exit |", "|---|--:|--:|--:|--:|"]
        for row in own:
            ratio = row["median_s"] / own[0]["median_s"]
            lines.append(f"| {row['with']} | {row['median_s']:.2f} | {ratio:.2f} | {row['peak_mb']:.0f} | {', '.join(row['exits'])} |")
        parts.append(f"**{what}**\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def measured(wanted: list[tuple[str, str, list[str]]], runs: int, run: Callable[[list[str]], child.Ran]) -> list[dict[str, Any]]:
    """The runs of all commands, taken in turns after one that does not count."""
    ran: list[list[child.Ran]] = [[] for _ in wanted]
    for turn in range(-1, runs):
        for (what, how, argv), own in zip(wanted, ran, strict=True):
            sys.stderr.write(f"{'warming' if turn < 0 else f'run {turn + 1} of {runs}'}: {what}: {how}\n")
            one = run(argv)
            own += [one] if turn >= 0 else []
    return [
        {
            "what": what,
            "with": how,
            "median_s": round(table.median([one.wall_s for one in own]), 4),
            "minimum_s": round(min(one.wall_s for one in own), 4),
            "peak_mb": round(max(one.peak_bytes for one in own) / 1e6, 1),
            "exits": sorted({str(one.exit) for one in own}),
        }
        for (what, how, _), own in zip(wanted, ran, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure rocmkit inspect and transcribe on ONNX models.")
    parser.add_argument("--audio", type=Path, required=True, help="a folder with WAV files of speech")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write models.json and the table in README.md")
    chosen = parser.parse_args()
    sounds = [str(path) for path in sorted(chosen.audio.resolve(strict=True).glob("*.wav"))]
    child.prepare()
    with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
        scratch = Scratch(Path(root).resolve())
        rocmkit, python = scratch.rocmkit(), scratch.venv("models", *PACKAGES)
        files = made(scratch.root, python, sounds)
        env = {"PATH": os.environ["PATH"], "HOME": str(scratch.home("onnx")), "LANG": "C.UTF-8", "TERM": "dumb"}
        rows = measured(list(cases(rocmkit, python, files, sounds)), chosen.runs, lambda argv: child.run(argv, env, scratch.empty, LIMIT_S))
        packages = ", ".join(f"{name} {version(python, name)}" for name in PACKAGES[1:])
        where = machine(rocmkit=version(rocmkit, "rocmkit"), packages=packages, runs=chosen.runs)
    text = render(where, rows)
    if chosen.write:
        table.publish("models", text, {"machine": where, "rows": rows}, BEGIN, END)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
