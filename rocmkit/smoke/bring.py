"""Bring a model that is missing, by the system's own Python, and say how far it is."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from rocmkit.doctor import advice
from rocmkit.kb.backends import BackendModel
from rocmkit.smoke.choose import MODEL, login, own
from rocmkit.smoke.models import Places, finder, repository_folder, whisper_file
from rocmkit.smoke.observed import Skip
from rocmkit.smoke.planned import Planned
from rocmkit.trial.values import Limits, Run, Trial
from rocmkit.trial.words import ending
from rocmkit.trial.work import worker

INSIDE = Path(__file__).with_name("inside")
#: Told how many bytes there are, and of how many; 0: not known.
Told = Callable[[int, int], None]
#: A slow line takes its time. One that says nothing any more is given up by who reads it, long before.
_TIME_S = 48 * 3600.0
#: So much stays free on the disk, for what a transcription writes.
_SPARE = 1 << 29
_EVERY_S = 0.5
_WAIT_S = 2.0


def brought(planned: Planned, where: Places, run: Run, told: Told) -> Planned:
    """The case with its model, where that was all it lacked; or with why it could not be brought."""
    if planned.skip is None or planned.skip.code != MODEL:
        return planned
    try:
        skip = bring(planned, where, run, told)
    except OSError as error:
        skip = replace(planned.skip, because=f"{planned.skip.because}; {planned.python} cannot bring it: {error.strerror or error}")
    if skip:
        return replace(planned, skip=skip)
    found = finder(where)(planned.backend, own(planned.backend, planned.model.id))
    if found is None or found.lacking:
        lacking = found.lacking if found else "it is not where it should be"
        return replace(planned, skip=replace(planned.skip, because=f"the model {planned.model.id} was brought, and {lacking}"))
    return replace(planned, model=replace(planned.model, path=found.shown, bytes=found.bytes), argument=found.path, skip=None)


def bring(planned: Planned, where: Places, run: Run, told: Told, *, spare_bytes: int = _SPARE) -> Skip | None:
    """Bring the model of a case. None: it is here now. Raises OSError where the interpreter cannot be started.

    What came before it failed stays, and the next time goes on from there.
    """
    model = own(planned.backend, planned.model.id)
    step: dict[str, Any] = {"bytes": model.bytes, "spare_bytes": spare_bytes, "wait_s": _WAIT_S}
    if planned.backend.place == "whisper":
        file = whisper_file(model, where)
        watched = [file, file.with_name(f"{file.name}.part")]
        step |= {"do": "bring_whisper", "model": model.id, "file": str(file)}
    else:
        repository = model.repository or model.id
        watched = [repository_folder(repository, where) / "blobs"]
        step |= {"do": "bring_hub", "repository": repository, "patterns": list(planned.backend.files), "folder": str(where.hub)}
    env: dict[str, str | None] = {
        "HF_HUB_OFFLINE": "0",
        "TRANSFORMERS_OFFLINE": None,
        "HF_HUB_CACHE": str(where.hub),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    experiment = worker(planned.python, "bring", [step], limits=Limits(time_s=_TIME_S), env=env, folders=(INSIDE,))
    with _telling(watched, model.bytes, told):
        trial = run(experiment)
    return None if trial.outcome == "pass" else _skip(planned, model, trial)


@contextlib.contextmanager
def _telling(watched: list[Path], total: int, told: Told) -> Iterator[None]:
    """Say now and then how much is there. The libraries' own bars go to a log that nobody sees."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(_EVERY_S):
            told(_there(watched), total)

    thread = threading.Thread(target=tell, name="bring", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _there(watched: list[Path]) -> int:
    """Bytes that are there: room that a download has only taken is not counted."""
    count = 0
    for path in watched:
        with contextlib.suppress(OSError):
            for one in os.scandir(path) if path.is_dir() else [path]:
                with contextlib.suppress(OSError):  # it was renamed meanwhile
                    size = one.stat()
                    count += min(size.st_size, size.st_blocks * 512)
    return count


def _skip(planned: Planned, model: BackendModel, trial: Trial) -> Skip:
    """Why it could not be brought, and what helps."""
    because = ending(trial)
    kind = because.partition(":")[0].rpartition(".")[2]
    again = planned.skip.commands[-1] if planned.skip and planned.skip.commands else f"rocmkit smoke {planned.backend.id} --all"
    page = f"https://huggingface.co/{model.repository or model.id}"
    commands: tuple[str, ...] = (again,)
    if kind == "GatedRepoError" or "RK423" in trial.known:
        because = f"the hub gives {model.id} only to those who are logged in and agreed to its terms at {page}"
        commands = (login(planned.python), again)
    elif kind in {"RepositoryNotFoundError", "RevisionNotFoundError"}:
        because = f"the hub knows no {model.id}, or shows it only to those who are logged in"
        commands = (login(planned.python), again)
    elif kind == "ModuleNotFoundError" and "huggingface_hub" in because:
        because = "huggingface_hub, which downloads it, is not installed there"
        commands = (f"{advice.quote(planned.python)} -m pip install huggingface_hub", again)
    elif kind in {"NoRoom", "NotTheModel"}:
        because = because.partition(": ")[2]
        commands = (again,) if kind == "NoRoom" else ()
    page_of = next((code for code in trial.known if code in {"RK423", "RK911", "RK912"}), None)
    more = f" (`rocmkit explain {page_of}`)" if page_of else ""
    return Skip(
        code=MODEL, because=f"the model {model.id} could not be brought: {because}{more}", commands=commands, bytes=model.bytes or None
    )
