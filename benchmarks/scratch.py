"""What the commands are run in: virtual environments, a torch that crashes or hangs, and tools that never answer."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
TORCH = "2.13.0"
FAKE_TORCH = "2.9.1+rocm6.3"

# Nothing that an AMD machine does not have (nvidia-smi), nothing that any shell needs (which, uname).
HUNG_TOOLS = (
    *("rocminfo", "rocm_agent_enumerator", "rocm-smi", "amd-smi", "hipcc", "hipconfig", "clinfo"),
    *("dmesg", "journalctl", "lspci", "lsmod", "modinfo", "dkms"),
    *("docker", "podman", "ffmpeg", "ffprobe"),
    *("cmake", "git", "gcc", "g++", "c++", "clang", "ninja", "make"),
    *("dpkg-query", "rpm"),
)

SEGFAULTS = "import ctypes\n\nctypes.string_at(0)\n"
HANGS = "import time\n\ntime.sleep(600)\n"


class Scratch:
    """A folder with everything in it. Environments that are already there are used again, rocmkit's never."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.empty = self._folder("empty")
        self.calls = root / "calls"

    def _folder(self, name: str) -> Path:
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def home(self, tool: str) -> Path:
        return self._folder(f"home-{tool}")

    def venv(self, name: str, *requirements: str, fresh: bool = False, pip: bool = True) -> Path:
        """An environment with `requirements` from the package registry."""
        path, done = self.root / name, self.root / f"{name}.done"
        if fresh:
            shutil.rmtree(path, ignore_errors=True)
            done.unlink(missing_ok=True)
        if not done.exists():
            _quietly([sys.executable, "-m", "venv", *([] if pip else ["--without-pip"]), str(path)])
            if requirements:
                _quietly([str(path / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements])
            done.touch()
        return path

    def rocmkit(self) -> Path:
        """rocmkit as a user has it: from a wheel built now."""
        wheels = self.root / "wheels"
        shutil.rmtree(wheels, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps", "-w"]
        _quietly([*command, str(wheels), str(REPOSITORY)])
        (wheel,) = wheels.glob("rocmkit-*.whl")
        return self.venv("rocmkit", str(wheel), fresh=True)

    def torch_build(self) -> str:
        """Which build of torch the registry would give this Python; empty where none."""
        report = self.root / "torch.json"
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--dry-run", "--ignore-installed"]
        try:
            _quietly([*command, "--no-deps", "--only-binary", ":all:", "--report", str(report), f"torch=={TORCH}"])
        except SystemExit:
            return ""
        return str(json.loads(report.read_text())["install"][0]["metadata"]["version"])

    def fake_torch(self, name: str, code: str) -> Path:
        """An environment whose torch runs `code` on import, and says of itself what an installed torch does."""
        venv = self.venv(name, pip=False)
        site = site_packages(venv)
        info = site / f"torch-{FAKE_TORCH}.dist-info"
        for folder in (site / "torch/utils", info):
            folder.mkdir(parents=True, exist_ok=True)
        (site / "torch/__init__.py").write_text(code)
        (site / "torch/version.py").write_text(f"__version__ = '{FAKE_TORCH}'\nhip = '6.3.42131'\ncuda = None\n")
        (site / "torch/utils/__init__.py").touch()
        (site / "torch/utils/collect_env.py").touch()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {FAKE_TORCH}\n")
        (info / "RECORD").write_text("torch/__init__.py,,\ntorch/version.py,,\n")
        (info / "INSTALLER").write_text("pip\n")
        return venv

    def hung_tools(self) -> Path:
        """A folder for PATH with tools that note that they were called and never answer."""
        folder = self._folder("hung")
        for name in HUNG_TOOLS:
            self._hung(folder / name)
        return folder

    def hung_python(self) -> Path:
        """An environment whose interpreter never answers."""
        folder = self._folder("hung-env")
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.3\n")
        (folder / "lib/python3.12/site-packages").mkdir(parents=True, exist_ok=True)
        for name in ("python", "python3"):
            self._hung(folder / "bin" / name)
        return folder

    def _hung(self, path: Path) -> None:
        script = f"""\
            #!/bin/sh
            echo {path.name} >>'{self.calls}'
            exec /bin/sleep 600
            """
        path.write_text(textwrap.dedent(script))
        path.chmod(0o755)

    def take_calls(self) -> list[str]:
        """The hung tools that were called since the last look."""
        names = sorted(set(self.calls.read_text().split())) if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return names


def site_packages(venv: Path) -> Path:
    (found,) = venv.glob("lib/python3*/site-packages")
    return found


def forget_bytecode(venv: Path) -> None:
    """Delete every __pycache__ of an environment, so that the next run compiles what it imports."""
    for cache in venv.rglob("__pycache__"):
        shutil.rmtree(cache, ignore_errors=True)


def version(venv: Path, package: str) -> str:
    code = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    return subprocess.run([venv / "bin/python", "-I", "-c", code, package], capture_output=True, text=True, check=True).stdout.strip()


def _quietly(argv: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}}
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=1200, env=environment)
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(argv)}\n{done.stdout[-2000:]}")


def machine(**more: Any) -> dict[str, Any]:
    """What every table says of where and when it was measured, and what else this one says."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        **more,
    }
