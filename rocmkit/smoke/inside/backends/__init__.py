"""Speech systems, one file each: how a system's own Python loads a model, transcribes with it, and says where that happened.

They run in foreign interpreters from Python 3.8 on, with the standard library alone at the top. What the system needs, what its models
are and what it can do stands in rocmkit/kb/backends.yaml; `module` there names the file here.
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple


class Ask(NamedTuple):
    """What is to be loaded."""

    model: str  # a folder or file, or the name that the library knows it by
    device: str  # gpu or cpu
    compute_type: str | None  # float16; None: what the system takes by itself there
    options: Mapping[str, Any]  # what the row in kb/backends.yaml adds


class Text(NamedTuple):
    """What came of a sound. The fields are those of `rocmkit.smoke.observed.Heard`."""

    text: str
    timestamps: str = "none"  # word, segment
    language: str | None = None
    language_p: float | None = None
    logprob: float | None = None
    no_speech: float | None = None
    spent: bool = False
    finite: bool = True


class Backend:
    """A loaded model. `__init__` loads it and raises what the library raises; it never falls back to another device by itself."""

    #: Where the weights are, as the library's own objects say: gpu or cpu. Never what was asked for.
    device: str
    #: What it computes in, which is what the weights are kept in unless `notes` says otherwise: float16.
    dtype: str
    #: None: not known.
    weights_bytes: int | None = None

    def __init__(self, ask: Ask) -> None:
        raise NotImplementedError

    def claims(self) -> dict[str, str]:
        """What the library says of where it computes: the call, and its answer."""
        return {}

    def notes(self) -> list[str]:
        """What a person should know of how it was loaded."""
        return []

    def transcribe(self, samples: Any) -> Text:
        """Transcribe a sound of any length: float32 at 16 kHz, one channel, between -1 and 1."""
        raise NotImplementedError

    def encode(self, samples: Any) -> Any:
        """The encoder's output for at most 30 seconds of sound, as a numpy array of floats; None: it cannot be reached."""
        return None

    def placed(self) -> list[dict[str, Any]]:
        """Where ONNX Runtime put the operators, as `rocmkit.smoke.observed.Placed` has it; asked for once, at the end."""
        return []


#: The distributions whose versions are told, beside Python's and those that a row needs.
DISTRIBUTIONS = (
    *("torch", "transformers", "accelerate", "tokenizers", "numba", "llvmlite", "triton", "pytorch-triton-rocm", "numpy"),
    *("faster-whisper", "ctranslate2", "openai-whisper", "insanely-fast-whisper", "nue-asr"),
    *("espnet", "espnet-model-zoo", "reazonspeech-espnet-asr", "torchaudio"),
    *("onnxruntime", "onnxruntime-rocm", "onnxruntime-migraphx", "sherpa-onnx", "kaldi-native-fbank"),
)
