"""What keeps a model from being loaded: torch's stricter loader, and models that the hub hands out only to those who asked."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line, pin
from rocmkit.doctor.checks._stack import Torch, older, torch_of
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Hub, Python
from rocmkit.kb.versions import within

_LENIENT = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
_NEEDS = "2.8"  # torch that pyannote.audio 4 requires


@check("RK422", "weights-only", title="torch refuses to load this package's models", severity="warning")
def weights_only(python: Python, env: dict[str, str] | Gap) -> Outcome:
    """torch 2.6 and newer load only plain tensors unless they are told otherwise, and this pyannote.audio does not tell them.

    ## What it looks at

    The versions of torch and pyannote.audio, which whisperx uses as well, and the variable `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD`.

    ## Why it matters

    A model file may hold any Python object, and loading one can run code. Since 2.6 `torch.load` refuses everything but plain values by
    default. The checkpoints of pyannote.audio 3 hold more, so loading ends with `Weights only load failed` and
    `Unsupported global: GLOBAL torch.torch_version.TorchVersion` or `omegaconf.listconfig.ListConfig`.

    ## Fix

    Update pyannote.audio to 4, which needs torch 2.8, and keep the torch that you have. With an older torch set the variable, for models
    whose publisher you trust.

    ## Safe to ignore when

    Diarization works: the program that calls pyannote.audio allows what its models hold.

    ## Sources

    - pyannote/pyannote-audio#1908
    - debpalash/VoiceStudio#270
    - https://docs.pytorch.org/docs/stable/miscellaneous_environment_variables.html
    """
    version, torch = python.packages.get("pyannote-audio"), torch_of(python)
    if version is None:
        return skip("pyannote.audio is not installed here")
    if torch is None:
        return skip("torch is not installed here")
    seen = [torch.seen, Seen("metadata of pyannote-audio", version)]
    early = older(torch.version, "2.6")
    if early is None or not within(">=0", version):
        return skip("torch {torch} or pyannote.audio {version} is not a version that can be compared", torch=torch.version, version=version)
    if early or within(">=4", version):
        return judge([], *seen)
    if isinstance(env, Gap):
        return skip("whether {name} is set is not known", name=_LENIENT)
    if env.get(_LENIENT, "").lower() in {"1", "y", "yes", "true"}:
        return judge([], *seen, Seen("environment", f"{_LENIENT}={env[_LENIENT]}"))
    finding = Finding(
        subject="pyannote-audio",
        message=say("pyannote.audio {version} cannot load its models with torch {torch}", version=version, torch=torch.version),
        confidence="likely",
        seen=tuple(seen),
        cause=say("Since 2.6 torch.load refuses everything but plain values unless its caller says otherwise."),
        fix=_load_fix(python, torch),
    )
    return judge([finding])


def _load_fix(python: Python, torch: Torch) -> Fix:
    codec = kb.torchcodec_for(torch.version)
    if older(torch.version, _NEEDS) or codec is None:
        return Fix(
            text=say("Let torch load the models as it used to; pyannote.audio 4, which needs no such thing, requires torch 2.8."),
            commands=(f"export {_LENIENT}=1",),
            verify=(f"printenv {_LENIENT}",),
            caution=say("A model file can then run any code while it is loaded: only for models whose publisher you trust."),
        )
    # What is named with the version that is there stays: else pip would put the package index's CUDA build in its place.
    kept = [f'"{name}=={python.packages[name]}"' for name in ("torch", "torchaudio", "torchvision") if name in python.packages]
    return Fix(
        text=say("Update pyannote.audio and keep this torch."),
        commands=advice.pip(python, f'install "pyannote.audio>=4" {" ".join(kept)} {pin("torchcodec", codec)}'),
        verify=(one_line(python, "import torch, pyannote.audio; print(torch.__version__, pyannote.audio.__version__)"),),
    )


@check("RK423", "hf-gated", title="A model that has to be asked for", severity="note")
def hf_gated(python: Python, hub: Hub) -> Outcome:
    """Diarization is installed, its models are not in the cache, and there is no token to download them with.

    ## What it looks at

    Whether pyannote.audio is installed, which whisperx uses as well; whether a token for the Hugging Face hub is set or stored (that it is
    there; it is never read); and which of the models that pyannote.audio loads by default are in the cache, by their folders' names.

    ## Why it matters

    These models are handed out only to users who agreed to their conditions on the hub, each model apart. Without a token the
    pipeline comes back as `None`: `Could not download 'pyannote/speaker-diarization-3.1' pipeline`, and then
    `'NoneType' object has no attribute 'to'`.

    ## Fix

    Agree to the conditions on the page of every model that is named, make a token with the right to read, and log in.

    ## Safe to ignore when

    You transcribe without telling speakers apart, give the token to the program itself, or load the models from a folder of your own.

    ## Sources

    - ahmetoner/whisper-asr-webservice#314
    - JarodMica/audiosplitter_whisper#15
    - m-bain/whisperX#705
    - pyannote/pyannote-audio README.md
    """
    version = python.packages.get("pyannote-audio")
    if version is None:
        return skip("pyannote.audio is not installed here")
    row = kb.gated("pyannote-audio", version)
    if row is None:
        return skip("which models pyannote.audio {version} loads is not known", version=version)
    seen = Seen("metadata of pyannote-audio", version)
    missing = [model for model in row.models if model not in hub.models]
    if not missing:
        return judge([], seen, Seen(hub.path, ", ".join(row.models)))
    if hub.token:
        return judge([], seen, Seen("hub", "a token is there"))
    pages = " and ".join(f"https://hf.co/{model}" for model in row.models)
    finding = Finding(
        subject="pyannote-audio",
        message=say("pyannote.audio {version} cannot download {models}: no token is set or stored", version=version, models=missing[0]),
        confidence="likely",
        seen=(seen, Seen("hub", "no token"), Seen(hub.path, f"without {', '.join(missing)}")),
        cause=say("Their publisher hands them out only to those who agreed to the conditions."),
        fix=Fix(
            text=say("Agree to the conditions at {pages}, make a token with the right to read, and log in with it.", pages=pages),
            commands=(one_line(python, "import huggingface_hub; huggingface_hub.login()"),),
            verify=tuple(one_line(python, f'import huggingface_hub as h; h.HfApi().auth_check("{model}")') for model in row.models),
        ),
    )
    return judge([finding])
