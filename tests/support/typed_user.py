"""A script of somebody who has rocmkit installed: type checkers know what its functions take and return. `.ci/run` checks and runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import rocmkit
from rocmkit.api import Case, Gap, Inspection, Judgement, Planned, Plans, Report, Smoke

report: Report = rocmkit.examine(python=Path("venv"), what_if={"kernel": "6.14"})
verdict: Literal["ready", "degraded", "blocked", "unknown", "not-applicable"] = report.verdict
codes: list[str] = [result.code for result in report.results if result.outcome == "found"]
first: Judgement = report.results[0]
gpus = report.facts.gpus
names: list[str | None] = [] if isinstance(gpus, Gap) else [gpu.name for gpu in gpus]
found: Inspection = rocmkit.inspect("msgspec", gfx="gfx906")
one: Planned = rocmkit.plan("ctranslate2", arch="gfx906", rocm_version="6.3")
two: Plans = rocmkit.plan("onnxruntime", "sherpa-onnx", arch=["gfx906"], rocm_version="6.3")
smoke: Smoke = rocmkit.smoke("faster-whisper", python={"": "venv"}, tell=None)
cases: tuple[Case, ...] = smoke.cases
text: str = rocmkit.to_json(report)
try:
    rocmkit.smoke(device="cuda")  # type: ignore[arg-type]
    rocmkit.examine("machine.yaml")  # type: ignore[call-arg]
except (rocmkit.RocmkitError, TypeError) as error:
    told = (verdict, codes, names, found.answer, one.wheel, len(two.plans), smoke.verdict, len(cases), len(text), error)
