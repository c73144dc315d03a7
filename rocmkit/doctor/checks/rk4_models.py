"""What keeps a model from being loaded: torch's stricter loader, and models that the hub hands out only to those who asked."""

from __future__ import annotations

from rocmkit import kb
from rocmkit.doctor import advice
from rocmkit.doctor.check import check
from rocmkit.doctor.checks._fixes import one_line
from rocmkit.doctor.checks._stack import older, torch_of
from rocmkit.doctor.result import Finding, Fix, Outcome, Seen, judge, say, skip
from rocmkit.facts import Gap, Hub, Python
from rocmkit.kb.versions import within

_LENIENT = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
#: Distributions that bring the loader of Lightning; the first that is there has lightning_fabric, which pyannote.audio imports.
_LIGHTNING = ("lightning-fabric", "pytorch-lightning", "lightning")
#: These ask torch for everything that a file holds; those before had no such argument, those after leave it to torch (cloud_io.py).
_ASKS = ">=2.4,<2.6"


@check("RK422", "weights-only", title="torch refuses to load this package's models", severity="warning")
def weights_only(python: Python, env: dict[str, str] | Gap) -> Outcome:
    """torch 2.6 and newer load only plain tensors unless they are told otherwise, and nothing here tells them.

    ## What it looks at

    The versions of torch, of pyannote.audio, which whisperx uses as well, and of Lightning, which loads its models; and the variable
    `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD`.

    ## Why it matters

    A model file may hold any Python object, and loading one can run code. Since 2.6 `torch.load` refuses everything but plain values by
    default, and the checkpoints of pyannote.audio hold more. Lightning 2.4 and 2.5 ask torch for everything; from 2.6 on it leaves that to
    torch, so that an update of Lightning alone makes loading end with `Weights only load failed` and
    `Unsupported global: GLOBAL torch.torch_version.TorchVersion` or `omegaconf.listconfig.ListConfig`. pyannote.audio 4.0.3 asks by itself.

    ## Fix

    Go back to Lightning 2.5, or update pyannote.audio to 4.0.3 or newer, where what uses it allows that (whisperx often does not).

    ## Safe to ignore when

    Diarization works: the program that calls pyannote.audio allows what its models hold.

    ## Sources

    - ahmetoner/whisper-asr-webservice#383
    - pyannote/pyannote-audio#1960
    - pyannote/pyannote-audio#1908
    - Lightning-AI/pytorch-lightning src/lightning/fabric/utilities/cloud_io.py
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
    if early or within(">=4.0.3", version):
        return judge([], *seen)
    name = next((name for name in _LIGHTNING if name in python.packages), None)
    if name is None or not within(">=0", loader := python.packages[name]):
        return skip("which Lightning loads the models of pyannote.audio {version} is not known", version=version)
    seen.append(Seen(f"metadata of {name}", loader))
    if within(_ASKS, loader):
        return judge([], *seen)
    if isinstance(env, Gap):
        return skip("whether {name} is set is not known", name=_LENIENT)
    if env.get(_LENIENT, "").lower() in {"1", "y", "yes", "true"}:
        return judge([], *seen, Seen("environment", f"{_LENIENT}={env[_LENIENT]}"))
    wanted = " ".join(f'"{one}{_ASKS}"' for one in _LIGHTNING if one in python.packages)
    finding = Finding(
        subject="pyannote-audio",
        message=say(
            "pyannote.audio {version} cannot load its models with torch {torch} and Lightning {loader}",
            version=version,
            torch=torch.version,
            loader=loader,
        ),
        confidence="likely",
        seen=tuple(seen),
        cause=say("torch refuses everything but plain values unless it is asked, and this Lightning does not ask."),
        fix=Fix(
            text=say("Install Lightning 2.5, which asks torch to load the models whole."),
            commands=advice.pip(python, f"install {wanted}"),
            verify=(one_line(python, "import torch, pyannote.audio; print(torch.__version__, pyannote.audio.__version__)"),),
            caution=say("A model file can run any code while it is loaded so: only for models whose publisher you trust."),
        ),
    )
    return judge([finding])


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
