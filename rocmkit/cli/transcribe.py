"""`rocmkit transcribe`."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rocmkit.cli.commands import Command
from rocmkit.cli.completing import files
from rocmkit.cli.options import Seconds, can_write, interpreter, not_onto, starting
from rocmkit.errors import Exit, UsageError
from rocmkit.output import progress, write
from rocmkit.sources import surveyed

if TYPE_CHECKING:
    from rocmkit.facts import Facts
    from rocmkit.smoke.inside.tokens import Tokens
    from rocmkit.smoke.values import Asked, ModelFile, Part, Precision

#: A list of tokens has some thousands of lines.
_TOKENS_BYTES = 16 << 20
#: One process tells of no more than a thousand steps.
_FILES = 900


@click.command(
    cls=Command,
    short_help="Transcribe speech on the GPU with a k2 transducer.",
    exits=(
        (0, "transcribed, on the provider that was asked for"),
        (1, "not all of it: a file, the model or the provider failed, or the process died"),
        (2, "usage error, or no such model"),
        (3, "that Python lacks packages"),
        (8, "transcribed, but on the processor though nobody asked for that"),
        (70, "a bug in rocmkit"),
        (130, "interrupted"),
    ),
    examples=(
        ("rocmkit transcribe speech.wav --model ~/reazonspeech-k2-v2", "on the GPU where that works, else on the processor"),
        (
            "rocmkit transcribe *.wav --model ~/reazonspeech-k2-v2 --provider rocm --json -o out.json",
            "many files, with times, on the GPU or not at all",
        ),
        (
            "rocmkit transcribe talk.mp3 --model ~/reazonspeech-k2-v2 --provider cpu --python ~/venv",
            "on the processor, in another environment",
        ),
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="AUDIO…")
@click.option(
    "--model", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder with encoder, decoder, joiner and tokens.txt."
)
@click.option(
    "--provider",
    type=click.Choice(["auto", "rocm", "migraphx", "cpu"]),
    default="auto",
    help="Where the encoder computes. Default: auto, the GPU where this onnxruntime can, else the processor, with exit code 8.",
)
@click.option("--precision", type=click.Choice(["fp32", "fp16", "int8"]), help="Which files to take. Default: the most exact.")
@click.option("--search-on-provider", is_flag=True, help="Decoder and joiner too. Default: on the processor, which is faster for them.")
@click.option(
    "--python", "python", metavar="PATH", shell_complete=files, help="Interpreter or environment with onnxruntime. Default: as for doctor."
)
@click.option("--timeout", "timeout_s", type=Seconds(), default=1800, metavar="S", help="Seconds for all. Default: 1800.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: text, times of tokens, where each part ran, how long it took.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write to a file.")
def transcribe(
    files: tuple[Path, ...],
    model: Path,
    provider: Asked,
    precision: Precision | None,
    search_on_provider: bool,
    python: str | None,
    timeout_s: float,
    as_json: bool,
    output: Path | None,
) -> Exit:
    """Transcribe speech with a k2 transducer, such as ReazonSpeech k2, on the GPU: with onnxruntime, and without torch and sherpa-onnx.

    The text goes to standard output, where and how fast it came about to standard error. It happens in a process of its own, so that a
    crash or a hang of the GPU's libraries is told and not suffered. AUDIO is WAV at any rate; all else is read by ffmpeg, if it is there.
    """
    from rocmkit.report.summary import counted
    from rocmkit.smoke.inside.k2_files import TOKENS
    from rocmkit.smoke.transcribe import Ask
    from rocmkit.smoke.transcribe import transcribe as transcribed
    from rocmkit.trial.run import runner

    if len(files) > _FILES:
        raise UsageError(f"{len(files)} files at once", f"transcribe up to {_FILES} at a time")
    can_write(output)
    folder = model.resolve()
    models = _models(folder, precision)
    not_onto(output, *files, folder / TOKENS, *(folder / one.name for one in models.values()))
    tokens = _tokens(folder / TOKENS)
    facts, host = surveyed(python)
    ask = Ask(
        python=interpreter(facts, host),
        model=str(folder),
        models=models,
        tokens=tokens,
        files=tuple(str(file.resolve()) for file in files),
        provider=provider,
        forced=precision is not None,
        search_on_provider=search_on_provider,
        timeout_s=timeout_s,
        brings=_brings(facts, provider),
        installs=_installs(facts),
    )
    with starting(ask.python, host), progress(doing="transcribing") as tell:
        if tell:
            tell(f"{counted(len(files), 'file')}; a GPU's first time takes minutes", most_s=timeout_s)
        found = transcribed(ask, runner(host.private), host.private)
    from rocmkit.report import json
    from rocmkit.report import transcript as text

    write(json.render(found) if as_json else text.render(found), output)
    if not as_json:
        with contextlib.suppress(OSError):  # nobody reads it: the exit code still tells the verdict
            sys.stderr.write(text.beside(found))
            sys.stderr.flush()
    return Exit(found.exit)


def _models(folder: Path, precision: Precision | None) -> dict[Part, ModelFile]:
    from rocmkit.smoke.model_files import download, pick

    try:
        names = [file.name for file in folder.iterdir() if file.is_file()]
    except NotADirectoryError:
        raise UsageError(f"--model {folder}: a file, and no folder", f"name the folder that it is in: --model {folder.parent}") from None
    except OSError as error:
        raise UsageError(f"--model {folder}: {error.strerror or error}", download(str(folder))) from None
    return pick(names, precision, str(folder))


def _tokens(path: Path) -> Tokens:
    from rocmkit.smoke.inside.tokens import BadTokens, parse

    try:
        with path.open("rb") as file:
            data = file.read(_TOKENS_BYTES + 1)
        if len(data) > _TOKENS_BYTES:
            raise BadTokens(f"{path} is larger than any list of tokens")
        return parse(data, source=str(path))
    except (OSError, BadTokens) as error:
        raise UsageError(f"cannot read the tokens: {error}", "take tokens.txt from where the model is from") from None


def _brings(facts: Facts, provider: Asked) -> tuple[str, ...]:
    from rocmkit.kb.providers import NAMES
    from rocmkit.placement.ways import brings

    return brings(facts, NAMES["rocm" if provider == "auto" else provider])


def _installs(facts: Facts) -> tuple[str, ...]:
    from rocmkit.doctor.advice import pip
    from rocmkit.facts import Gap

    return () if isinstance(facts.python, Gap) else pip(facts.python, "install numpy kaldi-native-fbank")
