"""Programs that matter: where they are, and which version."""

from __future__ import annotations

import re
from functools import partial

from rocmkit.facts import Gap, Tool, gap
from rocmkit.host.base import Host, NotAsked
from rocmkit.probe.gaps import field, from_run, names, side_by_side

#: Any one program may take this long; all run side by side.
LIMIT_S = 2.5
_NUMBER = r"v?n?(\d+(?:\.\d+)+[\w.+~:-]*)"
#: Name: the arguments that make it print its version, and where in what it prints. rocminfo prints none, and is run once, by `runtime`.
VERSIONS: dict[str, tuple[tuple[str, ...], str] | None] = {
    "rocminfo": None,
    "amd-smi": (("version",), rf"AMDSMI Tool:\s*{_NUMBER}"),
    "rocm-smi": (("--version",), rf"ROCM-SMI version:\s*{_NUMBER}"),
    "hipcc": (("--version",), rf"HIP version:\s*{_NUMBER}"),
    "cmake": (("--version",), rf"cmake3? version\s+{_NUMBER}"),
    "ninja": (("--version",), rf"^{_NUMBER}"),
    "ccache": (("--version",), rf"ccache version\s+{_NUMBER}"),
    "git": (("--version",), rf"git version\s+{_NUMBER}"),
    # builds between releases are called N-109542-gba5dcb0
    "ffmpeg": (("-version",), rf"ffmpeg version\s+(?:{_NUMBER}|(N-\S+|git-\S+))"),
    # podman's docker command says that it is podman
    "docker": (("--version",), rf"version\s+{_NUMBER}"),
    "podman": (("--version",), rf"podman version\s+{_NUMBER}"),
}
#: Looked through where there is no PATH to ask: below a folder, or in a recording.
_USUAL = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin")


def tools(host: Host) -> tuple[Tool, ...]:
    """Each of VERSIONS, found or not, asked for its version side by side. Raises OSError, NotAsked."""
    places = {name: field(find, host, name) for name in VERSIONS}
    asks = {name: partial(version, host, name, path) for name, path in places.items() if isinstance(path, str)}
    versions = side_by_side(asks, timeout_s=LIMIT_S + 1)
    return tuple(
        Tool(name=name, path=None, version=path)
        if isinstance(path, Gap)
        else Tool(name=name, path=path, version=versions.get(name), on_path=_on_path(host, name, path))
        for name, path in places.items()
    )


def find(host: Host, name: str) -> str | None:
    """Where a program is: on PATH, else in a ROCm installation. Raises OSError, NotAsked (also where no folder of programs is there)."""
    folders: tuple[str, ...] = ()
    try:
        if found := host.which(name):
            return found
    except NotAsked:
        folders = _USUAL
    installs = names(host, "/opt", re.compile(r"rocm(-[\d.]+)?").fullmatch)
    rocm = [f"/opt/{entry}/{place}" for entry in installs for place in ("bin", "core/bin")]
    path = next((path for folder in (*folders, *rocm) if host.exists(path := f"{folder}/{name}")), None)
    if path is None and folders and not any(map(host.exists, folders)):
        raise NotAsked(f"neither PATH nor {folders[1]} is there to look for {name} in")
    return path


def _on_path(host: Host, name: str, path: str | None) -> bool | None:
    found = field(host.which, name)
    return None if path is None or isinstance(found, Gap) else found == path


def version(host: Host, name: str, path: str) -> str | None | Gap:
    """The version that the program at `path` prints; None for one that prints none. Raises OSError, NotAsked."""
    how = VERSIONS[name]
    if how is None:
        return None
    arguments, pattern = how
    run = host.run((path, *arguments), partial(_stated, pattern.encode()), timeout_s=LIMIT_S)
    if (failed := from_run(run, name)) is not None:
        return failed
    return parse_version(pattern, run.text) or gap("unparsable", f"{name} printed no version (exit status {run.exit})")


def _stated(pattern: bytes, data: bytes) -> bytes:
    """Keep of an output the place where the version stands: what else is there, such as how it was built, names folders and people."""
    found = re.search(pattern, data, re.MULTILINE)
    return found[0][:200] if found else b""


def parse_version(pattern: str, output: str) -> str | None:
    """The version at the place that `pattern` marks with its first group that took part."""
    found = re.search(pattern, output, re.MULTILINE)
    return next((group.rstrip(".,;:-") for group in found.groups() if group), None) if found else None
