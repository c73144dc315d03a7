"""What a case of `rocmkit smoke` costs beside calling faster-whisper directly, with real weights, on the processor.

python benchmarks/smoke.py --python ENV [--model FOLDER] [--runs N] [--write]

ENV is an environment with faster-whisper. FOLDER holds a model of CTranslate2; without it ENV has the packages that
`tests/support/whisper_weights.py` names, and whisper-base is made of them. See README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import child
import table
from scratch import REPOSITORY, Scratch, machine, version

BEGIN, END = "<!-- smoke: begin -->", "<!-- smoke: end -->"
LIMIT_S = 900.0

JOIN = "import sys; from pathlib import Path; from tests.support.whisper_weights import join; join(Path(sys.argv[1]))"
CLIPS = "from rocmkit.smoke.clips import shipped; print('\\n'.join(clip.file for clip in shipped()))"
#: What the worker of a case asks of faster-whisper, and no more: the clips twice, their languages once, the encoder for the first one.
DIRECT = """
import json, resource, sys, time
import numpy
folder, *files = sys.argv[1:]
begin = time.perf_counter()
import ctranslate2  # part of loading there too
from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio
model = WhisperModel(folder, device="cpu", device_index=0, compute_type="default", local_files_only=True)
found = {"load": time.perf_counter() - begin, "texts": []}
def encoded(samples):
    padded = numpy.pad(samples, (0, max(0, 480000 - len(samples))))
    features = numpy.ascontiguousarray(model.feature_extractor(padded)[None, :, :3000], numpy.float32)
    return model.model.encode(ctranslate2.StorageView.from_array(features), to_cpu=True)
for turn in ("first", "second"):
    found[turn] = 0.0
    for file in files:
        samples = decode_audio(file)
        begin = time.perf_counter()
        if turn == "first":
            model.model.detect_language(encoded(samples))
        segments, _ = model.transcribe(
            samples, language="ja", task="transcribe", beam_size=1, temperature=0.0, condition_on_previous_text=False, vad_filter=False
        )
        text = "".join(segment.text for segment in segments)
        found[turn] += time.perf_counter() - begin
        if turn == "first":
            found["texts"].append(text)
numpy.array(encoded(decode_audio(files[0])))
found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps(found))
"""
#: One process of a case, as `rocmkit smoke` starts, traces and limits it.
CASE = """
import json, sys
from rocmkit.host.names import Names
from rocmkit.kb.backends import backend
from rocmkit.smoke.clips import shipped
from rocmkit.smoke.hook import Hooked
from rocmkit.smoke.observed import UsedModel, Wanted
from rocmkit.smoke.planned import Planned
from rocmkit.smoke.run import Room, observe
python, folder = sys.argv[1:]
planned = Planned(backend=backend("faster-whisper"), model=UsedModel(id="whisper"), argument=folder, python=python, device="cpu")
hooked = Hooked(None, "the processor has no queues")
room = Room(names=Names(), cards=(), wanted=Wanted(), hooked=hooked, kfd_device="absent", timeout_s=600)
ran = observe(planned, shipped(), room).main
assert ran.trial.outcome == "pass", ran.trial
print(json.dumps({
    "seconds": ran.trial.seconds,
    "load": ran.loaded.seconds,
    "first": sum(heard.seconds for heard in ran.heard),
    "second": sum(heard.seconds for heard in ran.again),
    "peak_mb": ran.trial.peak_bytes / 1e6,
    "texts": [heard.text for heard in ran.heard],
}))
"""
PARTS = ("seconds", "load", "first", "second", "peak_mb")
NAMES = ("all of it, s", "loading, s", "clips the first time, s", "clips the second time, s", "peak memory, MB")


def ways(rocmkit: Path, python: str, model: str, sounds: list[str]) -> dict[str, list[str]]:
    """The commands, by what they are."""
    binary = str(rocmkit / "bin/python")
    smoke = [str(rocmkit / "bin/rocmkit"), "smoke", "faster-whisper", "--device", "cpu", "--python", python, "--model", model, "--json"]
    return {
        "a plain script": [python, "-c", DIRECT, model, *sounds],
        "a process of a case": [binary, "-c", CASE, python, model],
        "`rocmkit smoke`": smoke,
    }


def told(ran: child.Ran) -> dict[str, Any]:
    """What one run came to. Its output is the last line, or the JSON of `rocmkit smoke`."""
    if ran.exit not in (0, 8):
        raise SystemExit(ran.output)
    if ran.exit == 0:
        return {"seconds": ran.wall_s, **json.loads(ran.output.splitlines()[-1])}
    (case,) = json.loads(ran.output)["cases"]
    times = {"load": case["load_s"], "first": case["first_s"], "second": case["transcribe_s"]}
    texts = [clip["text"] for clip in case["clips"]]
    return {"seconds": ran.wall_s, **times, "peak_mb": case["peak_rss_bytes"] / 1e6, "texts": texts}


def measured(commands: dict[str, list[str]], runs: int, run: Callable[[list[str]], child.Ran]) -> list[dict[str, Any]]:
    """The medians of all ways, taken in turns after one that does not count. All wrote the same."""
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in commands}
    for turn in range(-1, runs):
        for way, argv in commands.items():
            sys.stderr.write(f"{'warming' if turn < 0 else f'run {turn + 1} of {runs}'}: {way}\n")
            one = told(run(argv))
            found[way] += [one] if turn >= 0 else []
    texts = {tuple(text.strip() for text in one["texts"]) for each in found.values() for one in each}
    if len(texts) != 1:
        raise SystemExit(f"they did not write the same: {texts}")
    return [{"way": way, **{part: round(table.median([one[part] for one in each]), 4) for part in PARTS}} for way, each in found.items()]


def render(where: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Everything that belongs between the markers."""
    first, *others = rows
    head = ["", first["way"], *(word for row in others for word in (row["way"], "ratio"))]
    lines = [
        f"{where['date']}: {where['cores']} cores ({where['architecture']}), Python {where['python']}, rocmkit {where['rocmkit']}, "
        f"faster-whisper {where['faster_whisper']}; medians of {where['runs']} runs each way, in turn; {where['clips']} clips, "
        f"a model of {where['model_mb']} MB.",
        "",
        f"| {' | '.join(head)} |",
        "|---" + "|--:" * (len(head) - 1) + "|",
    ]
    for part, name in zip(PARTS, NAMES, strict=True):
        digits = 0 if part == "peak_mb" else 2
        cells = [name, f"{first[part]:.{digits}f}"]
        for row in others:
            cells += [f"{row[part]:.{digits}f}", f"{row[part] / first[part]:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a case of rocmkit smoke costs.")
    parser.add_argument("--python", metavar="ENV", type=Path, required=True, help="environment with faster-whisper")
    parser.add_argument("--model", metavar="FOLDER", type=Path, help="a model of CTranslate2; without it whisper-base, of packages in ENV")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write smoke.json and the table in README.md")
    chosen = parser.parse_args()
    child.prepare()
    with tempfile.TemporaryDirectory(prefix="rocmkit-benchmark-", ignore_cleanup_errors=True) as root:
        scratch = Scratch(Path(root).resolve())
        rocmkit, venv = scratch.rocmkit(), chosen.python.absolute()
        python, model = str(venv / "bin/python"), chosen.model or scratch.root / "model"
        if not chosen.model:
            subprocess.run([python, "-c", JOIN, str(model)], cwd=REPOSITORY, check=True)
        shown = subprocess.run([rocmkit / "bin/python", "-I", "-c", CLIPS], capture_output=True, text=True, check=True)
        sounds = shown.stdout.splitlines()
        env = {"PATH": os.environ["PATH"], "HOME": str(scratch.home("smoke")), "LANG": "C.UTF-8", "TERM": "dumb", "HF_HUB_OFFLINE": "1"}
        commands = ways(rocmkit, python, str(model.resolve()), sounds)
        rows = measured(commands, chosen.runs, lambda argv: child.run(argv, env, scratch.empty, LIMIT_S))
        where = machine(
            rocmkit=version(rocmkit, "rocmkit"),
            faster_whisper=version(venv, "faster-whisper"),
            runs=chosen.runs,
            clips=len(sounds),
            model_mb=round((model / "model.bin").stat().st_size / 1e6),
        )
    text = render(where, rows)
    if chosen.write:
        table.publish("smoke", text, {"machine": where, "rows": rows}, BEGIN, END)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
