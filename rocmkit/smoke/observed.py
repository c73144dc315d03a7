"""What was seen of a case: everything that its judgement rests on, and all that a bundle keeps. Frozen, printable as JSON."""

from __future__ import annotations

from typing import Literal

from rocmkit.kb.backends import Timestamps
from rocmkit.kb.systems import Engine
from rocmkit.model import Model
from rocmkit.trial.values import Device, Trial

#: /dev/kfd: the driver's device, or something else by that name.
KfdDevice = Literal["driver", "other", "absent", "unknown"]
#: Of numbers of processes: initial, KFD names them by the same ones; other: as in a container, by numbers that are not known here.
Namespace = Literal["initial", "other", "unknown"]


class Evidence(Model, kw_only=True):
    """One thing that was read."""

    kind: str  # aql-packets, kfd-queue, kfd-vram, kfd-occupancy, fdinfo-vram, card-busy, card-vram, library, environment
    where: str  # the path that it was read from, or the call that said it
    value: str  # as it stood there


class Card(Model, kw_only=True):
    """A GPU of the machine, as doctor's facts have it."""

    gfx: str | None
    name: str | None
    pci: str | None  # 0000:63:00.0
    node: int | None  # of KFD's topology
    gpu_id: int | None  # of KFD
    render_node: str | None  # /dev/dri/renderD128
    vram_bytes: int | None
    integrated: bool | None  # its memory is the machine's


class KfdSeen(Model, kw_only=True):
    """What KFD told of the worker and its children on one GPU: /sys/class/kfd/kfd/proc/PID/."""

    gpu_id: int
    compute_queues: int = 0  # most at once: queues/N of this GPU whose type is 0
    vram_bytes: int = 0  # most at once: vram_ID
    occupied: int | None = None  # most compute units with waves at once: stats_ID/cu_occupancy; None: this kernel or chip does not tell
    looked: int = 0  # how often that was read
    busy: int = 0  # how often it was not 0


class DrmSeen(Model, kw_only=True):
    """What the render node's open files told of the worker and its children: /proc/PID/fdinfo."""

    pci: str  # drm-pdev
    clients: int = 0  # drm-client-id, each counted once
    vram_bytes: int = 0  # most at once: drm-memory-vram
    gtt_bytes: int = 0  # most at once: drm-memory-gtt, memory of the machine that the GPU uses; a model lies there on an APU


class CardSeen(Model, kw_only=True):
    """What the card told of all processes together: /sys/class/drm/renderD*/device."""

    pci: str
    busy_percent: int | None = None  # highest of gpu_busy_percent
    vram_used_bytes: int | None = None  # highest of mem_info_vram_used
    vram_before_bytes: int | None = None


class Packets(Model, kw_only=True):
    """What the hook in the HSA runtime counted on one GPU: AQL packets of this process's queues."""

    node: int | None  # HSA_AMD_AGENT_INFO_DRIVER_NODE_ID: the number of KFD's node; None: not told
    queues: int = 0  # made so far
    written: int = 0  # packets put into them
    consumed: int = 0  # packets that the GPU's packet processor took out of them


class Hook(Model, kw_only=True):
    """The hook that counts packets."""

    state: Literal["counted", "not-loaded", "not-built", "not-wanted"]  # not-loaded: no HSA runtime called it
    because: str | None = None  # why there is no count
    at_load: tuple[Packets, ...] = ()  # when the model was loaded
    at_end: tuple[Packets, ...] = ()  # when the last clip was transcribed, or as far as it came


class Watched(Model, kw_only=True):
    """What was seen of the worker from outside while it ran."""

    samples: int = 0
    seconds: float = 0.0
    namespace: Namespace = "unknown"  # unless it is initial, nothing of KFD is taken for the worker's
    kfd_opened: bool = False  # KFD has a folder for it: that shows only that /dev/kfd was opened once
    kfd: tuple[KfdSeen, ...] = ()
    drm: tuple[DrmSeen, ...] = ()
    cards: tuple[CardSeen, ...] = ()
    evidence: tuple[Evidence, ...] = ()  # the readings that the numbers above are the most of
    gaps: tuple[str, ...] = ()  # what could not be read, and why


class Clip(Model, kw_only=True):
    """A sound file with what is said in it."""

    name: str  # 02_jm_kumo.wav
    file: str  # its path
    sha256: str
    text: str | None = None  # what is said; None: nobody told
    kana: str | None = None  # its reading, in katakana


class Loaded(Model, kw_only=True):
    """What the worker says of the model that it loaded."""

    seconds: float
    device: Device  # where its weights are, as its own objects say
    dtype: str  # float16
    weights_bytes: int | None = None  # None: not known
    versions: dict[str, str] = {}  # by distribution, and of Python
    records: tuple[str, ...] = ()  # "torch 12ab…": SHA-256 over the digests that the installed wheel brought of its files (its RECORD)
    claims: tuple[Evidence, ...] = ()  # what the library says of where it computes
    notes: tuple[str, ...] = ()  # what is odd about it
    gpu_pci: str | None = None  # the GPU that HIP calls device 0 in this process; None: no HIP in it
    runtimes: tuple[str, ...] = ()  # paths of the HIP runtimes in the process


class Heard(Model, kw_only=True):
    """One clip, transcribed."""

    clip: str  # its name
    error: str | None = None  # why it could not be
    text: str = ""
    audio_s: float = 0.0
    seconds: float = 0.0
    timestamps: Timestamps = "none"  # what it gave
    language: str | None = None  # as it found it; None: it does not look for it
    language_p: float | None = None  # how sure it was
    logprob: float | None = None  # mean of the tokens' logarithms
    no_speech: float | None = None  # probability
    spent: bool = False  # it ended for its limit of tokens, not by itself
    finite: bool = True  # no NaN and no infinity in what was looked at


class Encoded(Model, kw_only=True):
    """The encoder's output for the first clip, thinned out."""

    shape: tuple[int, ...]
    finite: bool  # all of it
    norm: float  # of all of it
    sample: tuple[float, ...]  # every so many-th number, at most 512


class Share(Model, kw_only=True):
    """What ran on one provider of ONNX Runtime, by its profile of the run."""

    provider: str
    of_nodes: float  # 0.0 to 1.0
    of_time: float  # 0.0 to 1.0


class Placed(Model, kw_only=True):
    """Where ONNX Runtime put the operators."""

    model: str  # file name
    shares: tuple[Share, ...] = ()
    compute_on_cpu: tuple[str, ...] = ()  # operators such as MatMul, Conv or Softmax that ran on the processor
    #: A session of a small model that may put nothing on the processor: refused, where the provider lacks it; None: not asked.
    cpu_forbidden: Literal["opened", "refused", "died", "unknown"] | None = None


class Ran(Model, kw_only=True):
    """One process."""

    device: Device  # asked for
    trial: Trial  # how it ended
    loaded: Loaded | None = None  # None: it did not come so far
    heard: tuple[Heard, ...] = ()
    again: tuple[Heard, ...] = ()  # the same clips a second time
    encoded: Encoded | None = None  # None: it cannot be reached, or it did not come so far
    placed: tuple[Placed, ...] = ()
    hook: Hook = Hook(state="not-wanted")
    watched: Watched = Watched()


class UsedModel(Model, kw_only=True):
    """The model of a case."""

    id: str  # as the system names it, or the folder's name
    path: str | None = None  # below the home with ~/; None: the library finds it by its name
    bytes: int | None = None  # of its files
    files: dict[str, str] = {}  # sha256 of each, by its name; filled for a bundle
    licence: str | None = None
    kana_only: bool = False  # it writes kana alone


class Wanted(Model, kw_only=True):
    """What a case is held to."""

    cer_pass: float = 0.30  # reading error rate of all clips together
    cer_clip: float = 0.60  # of each
    enforce_cer: bool = True  # False: a user's own sound, whose rate is told
    max_vram_bytes: int | None = None
    control: bool = True  # whether it has to fail, or be told as the processor's, with the GPU hidden


class Skip(Model, kw_only=True):
    """Why a system was not run."""

    code: str  # RK709; empty: there is no page on it
    because: str
    commands: tuple[str, ...] = ()  # that bring what is missing
    bytes: int | None = None  # what they download; None: not known


class Observed(Model, kw_only=True):
    """A case, and all that was seen of it."""

    backend: str  # id of the row in kb/backends.yaml
    engine: Engine
    model: UsedModel
    python: str  # the interpreter
    device: Device  # wanted; cpu: asked for, or there is no AMD GPU
    device_why: str = ""  # why the processor, where nobody asked for it
    compute_type: str | None = None
    clips: tuple[Clip, ...] = ()
    cards: tuple[Card, ...] = ()
    wanted: Wanted = Wanted()
    environment: dict[str, str] = {}  # variables that change what is computed where: HSA_OVERRIDE_GFX_VERSION, LD_PRELOAD, …
    kfd_device: KfdDevice = "unknown"
    readings: dict[str, str] = {}  # katakana of texts, where something here can read them
    main: Ran | None = None  # None: skipped
    control: Ran | None = None  # with the GPU hidden
    cpu: Ran | None = None  # the same model on the processor
    skip: Skip | None = None
