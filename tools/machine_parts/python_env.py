"""A Python environment: the interpreter's answer, the packages' metadata, and what their libraries hold.

Layout: PEP 376, PEP 405, the core metadata specification. Which libraries were read off real wheels is said in wheels.json.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from rocmkit.gpucode.values import FileCode
from rocmkit.model import Model, convert
from rocmkit.probe import interpreter
from tools.machine_parts.builder import Builder
from tools.machine_parts.system import Release
from tools.machine_parts.torch_builds import Torch, install


class Wheel(Model, kw_only=True):
    """A wheel that was read."""

    package: str
    version: str
    wheel: str
    sha256: str
    files: dict[str, FileCode]


class Wheels(Model, kw_only=True):
    """wheels.json."""

    about: str
    wheels: tuple[Wheel, ...]


def read_wheels() -> tuple[Wheel, ...]:
    """What was read off real wheels."""
    path = Path(__file__).with_name("wheels.json")
    return convert(json.loads(path.read_text()), Wheels, source=path.name).wheels


#: What a speech user has beside torch. Versions fit together: numba 0.62.1 takes numpy below 2.4 and llvmlite 0.45.
SPEECH = {
    "filelock": "3.20.0",
    "huggingface-hub": "0.36.0",
    "jinja2": "3.1.6",
    "librosa": "0.11.0",
    "llvmlite": "0.45.1",
    "more-itertools": "10.8.0",
    "numba": "0.62.1",
    "numpy": "2.2.6",
    "openai-whisper": "20250625",
    "packaging": "25.0",
    "pip": "25.3",
    "pyyaml": "6.0.3",
    "regex": "2025.11.3",
    "safetensors": "0.6.2",
    "scipy": "1.15.3",
    "setuptools": "80.9.0",
    "soundfile": "0.14.0",
    "sympy": "1.13.1",
    "tiktoken": "0.12.0",
    "tokenizers": "0.22.1",
    "tqdm": "4.67.1",
    "transformers": "4.57.1",
    "typing-extensions": "4.15.0",
}


@dataclass(frozen=True)
class Environment:
    """A virtual environment, or the system's own Python."""

    torch: Torch | None
    packages: dict[str, str]
    version: str | None = None
    """None: the distribution's."""
    top: str = "~/venv"


def write(b: Builder, os: Release, env: Environment) -> None:
    """The environment's files, and what its interpreter answers."""
    version = env.version or os.python
    short = ".".join(version.split(".")[:2])
    tag = f"cpython-{short.replace('.', '')}-x86_64-linux-gnu"
    site = f"{env.top}/lib/python{short}/site-packages"
    b.empty(f"/usr/bin/python{short}")
    b.link("/usr/bin/python3", f"python{short}")
    b.which["python3"] = "/usr/bin/python3"
    b.link(f"{env.top}/bin/python", "python3")
    b.link(f"{env.top}/bin/python3", "/usr/bin/python3")
    b.file(f"{env.top}/pyvenv.cfg", f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}")
    b.environ["VIRTUAL_ENV"] = env.top
    packages = dict(env.packages)
    if env.torch:
        packages |= {"torch": env.torch.local, "torchaudio": env.torch.local}
        install(b, site, env.torch, tag)
    if env.torch and env.torch.rocm and "pytorch-triton-rocm" not in packages:
        packages["pytorch-triton-rocm"] = env.torch.triton
    for name, held in packages.items():
        _package(b, site, name, held)
    _real_libraries(b, site, packages, tag)
    answer = {
        "version": version,
        "implementation": "cpython",
        "executable": f"{env.top}/bin/python",
        "prefix": env.top,
        "base_prefix": "/usr",
        "venv": True,
        "conda": False,
        "paths": [site],
        "externally_managed": False,
        "soabi": tag,
        "bits": 64,
    }
    text = f"\n<rocmkit-python>{json.dumps(answer)}</rocmkit-python>\n"
    for python in (f"{env.top}/bin/python", f"{env.top}/bin/python3"):
        b.says(python, *interpreter.OPTIONS, out=text)


def _package(b: Builder, site: str, name: str, version: str) -> None:
    folder = f"{site}/{name.replace('-', '_')}-{version}.dist-info"
    b.file(f"{folder}/METADATA", f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}")
    b.file(f"{folder}/INSTALLER", "pip")


def _real_libraries(b: Builder, site: str, packages: dict[str, str], tag: str) -> None:
    """What was read off real wheels of these versions. All of them are for Python 3.10: another one gets what is not bound to it."""
    for wheel in read_wheels():
        if packages.get(wheel.package) == wheel.version:
            for file, code in wheel.files.items():
                if "cpython-" not in file or tag in file:
                    b.code(f"{site}/{file}", code)
