"""`rocmkit smoke`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rocmkit.cli.commands import Command
from rocmkit.cli.completing import backends
from rocmkit.cli.options import Rate, Seconds, can_write, form_of, memory, not_onto
from rocmkit.errors import Exit, UsageError
from rocmkit.output import drawing, note, progress, write
from rocmkit.sources import surveyed

if TYPE_CHECKING:
    from rocmkit.smoke.result import Smoke


@click.command(
    cls=Command,
    short_help="Prove that Japanese speech is transcribed on the GPU.",
    exits=(
        (0, "every system that ran is proved on the GPU, with the right text"),
        (1, "one crashed, hung, failed, took too much memory, or gave two texts for one sound"),
        (2, "usage error"),
        (3, "nothing ran, or where it computed could not be proved"),
        (6, "a bundle was changed"),
        (8, "one ran on the processor, or that was asked for"),
        (9, "one wrote the wrong text, or computed other numbers than the processor"),
        (70, "a bug in rocmkit"),
        (130, "interrupted; what was done until then is reported"),
    ),
    examples=(
        ("rocmkit smoke", "all that is installed"),
        ("rocmkit smoke faster-whisper --model small", "one system, with a model of your choice"),
        ("rocmkit smoke kotoba mms --python ~/venv-torch --max-vram 8GiB", "two systems, in another environment, on a card of 8 GiB"),
        ("rocmkit smoke --all --resume night.jsonl -o smoke.html --format html", "all of them over night, with a page to look at"),
        ("rocmkit smoke faster --audio talk.m4a --reference talk.txt", "your own sound"),
        ("rocmkit smoke --bundle proof.zip", "a proof to pass on"),
        ("rocmkit smoke --verify proof.zip", "what such a proof proves"),
    ),
)
@click.argument("systems", nargs=-1, metavar="[SYSTEM…]", shell_complete=backends)
@click.option("--all", "every", is_flag=True, help="Bring the models that are missing too: gigabytes.")
@click.option("--device", type=click.Choice(["auto", "gpu", "cpu"]), default="auto", help="Default: auto, the GPU if there is one.")
@click.option("--model", metavar="ID|DIR", help="Model of the one SYSTEM that is named: as it calls it, or a folder.")
@click.option(
    "--audio", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", help="Your own sound, of any length."
)
@click.option("--reference", metavar="TEXT|FILE", help="What is said in it.")
@click.option("--compute-type", metavar="T", help="float16, float32, int8, …, where the system takes one.")
@click.option("--timeout", "timeout_s", type=Seconds(), default=1800, metavar="S", help="Seconds for each process. Default: 1800.")
@click.option("--max-vram", callback=memory, metavar="SIZE", help="A system that takes more fails: 8GiB.")
@click.option("--max-cer", type=Rate(), metavar="X", help="A higher error rate fails, for your own sound too.")
@click.option("--python", "pythons", multiple=True, metavar="[SYSTEM=]PATH", help="Interpreter or environment, of one system or of all.")
@click.option("--no-negative-control", is_flag=True, help="Do not run each system with the GPU hidden: half the proof.")
@click.option(
    "--resume", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Keep what is done there, and go on from it."
)
@click.option(
    "--bundle", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Put results, evidence and hashes into a zip."
)
@click.option(
    "--verify", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE", help="Check a bundle, and say what it proves."
)
@click.option("--json", "as_json", is_flag=True, help="Same as --format json.")
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown", "html"]), help="Default: text.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to a file.")
def smoke(
    systems: tuple[str, ...],
    every: bool,
    device: Any,
    model: str | None,
    audio: Path | None,
    reference: str | None,
    compute_type: str | None,
    timeout_s: float,
    max_vram: int | None,
    max_cer: float | None,
    pythons: tuple[str, ...],
    no_negative_control: bool,
    resume: Path | None,
    bundle: Path | None,
    verify: Path | None,
    as_json: bool,
    form: str | None,
    output: Path | None,
) -> Exit:
    """Prove, system by system, that Japanese transcription runs on the GPU with the right text.

    Each system transcribes clips whose text is known, in a process of its own: on the GPU, with the GPU hidden, and on the processor. What
    the kernel and the HSA runtime tell of the process says where it computed, not the library. Systems whose packages or models are missing
    are skipped; where they are named, or few, the commands that bring them are printed. SYSTEM is a name of the table, or a part of one.
    """
    form = form_of(as_json, form)
    can_write(output, bundle)
    read = [*filter(None, (audio, resume, verify)), *map(Path, filter(None, (reference, model)))]
    not_onto(output, *read, *filter(None, (bundle,)))
    not_onto(bundle, *read)
    if verify:
        if systems or every or audio or resume or bundle:
            raise UsageError("--verify runs nothing: it checks a bundle", "leave the other options out")
        return _verified(verify, form, output)
    from rocmkit.report import json
    from rocmkit.smoke.asked import asked_for, by_system, run
    from rocmkit.smoke.choose import Wish
    from rocmkit.smoke.clips import reference as text_of

    wish = Wish(
        systems=systems,
        every=every,
        device=device,
        model=model,
        compute_type=compute_type,
        pythons=by_system(pythons),
        max_vram_bytes=max_vram,
    )
    asked = asked_for(
        wish,
        audio=audio,
        said=None if reference is None else text_of(reference),
        max_cer=max_cer,
        timeout_s=timeout_s,
        control=not no_negative_control,
        resume=resume,
    )
    with progress(doing="smoke:") as tell:
        done = run(asked, surveyed, os.environ, warn=note, tell=tell)
    try:  # of hours of work, one is there although the other cannot be written
        if bundle:
            from rocmkit.smoke.bundle import write as write_bundle

            write_bundle(bundle, done.smoke, done.observed, json.render(done.facts), done.names)
            note(f"the bundle is {bundle}; `rocmkit smoke --verify {bundle}` checks it")
    finally:
        _show(done.smoke, form, output)
    return Exit(done.smoke.exit)


def _show(found: Smoke, form: str, output: Path | None) -> None:
    from rocmkit.report import json, smokehtml, smokemarkdown
    from rocmkit.report import smoke as text

    match form:
        case "json":
            shown = json.render(found)
        case "markdown":
            shown = smokemarkdown.render(found)
        case "html":
            shown = smokehtml.render(found)
        case _:
            shown = text.render(found, **drawing(to_terminal=output is None))
    write(shown, output)


def _verified(file: Path, form: str, output: Path | None) -> Exit:
    if form not in ("text", "json"):
        raise UsageError(f"--verify has no --format {form}", "take text or json")
    from rocmkit.report import json
    from rocmkit.report import smokeverified as text
    from rocmkit.smoke.bundle import verify

    found = verify(file)
    write(json.render(found) if form == "json" else text.render(found, **drawing(to_terminal=output is None)), output)
    return Exit(found.exit)
