"""What names a person or a machine, and what stands for it outside the host.

Reversible: what was hidden can be asked about. `~` and `$USER` are words that a shell expands, so a command that holds them works.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterable

#: Names that say nothing of anybody, or that stand in paths and messages for something else.
_COMMON = re.compile(
    r"root|users?|admin|nobody|groups?|ubuntu|debian|fedora|arch(linux)?|manjaro|mint|gentoo|nixos|(open)?suse|rocky|centos"
    r"|local(host|domain)?|host|server|desktop|laptop|workstation|worker|node|machine|docker|podman|container|linux|kernel|drivers?"
    r"|devices?|firmware|error|failed|version|render|video|gpus?|amd(gpu)?|rocm|hip|hsa|kfd|drm|mesa|torch|python|pip|conda|venv"
    r"|envs?|site|packages|cmake|ninja|git|ccache|ffmpeg|clang|agent|name|data|work|home"
    # What cards, chips and packages are called: a machine named after its card must not make the card unreadable.
    r"|gfx\w*|mi\d+\w*|vega\w*|navi\w*|radeon\w*|instinct|rx\d*\w*|ryzen\w*|epyc\w*|amd\w*|roc\w*|hip\w*|whisper\w*|ctranslate\w*"
    r"|onnx\w*|sherpa\w*|num(ba|py)|llvm\w*|triton\w*|transformers|miopen|tensile|x86\w*|generic"
)
#: Tokens and passwords that are known by their form: of Hugging Face, GitHub, GitLab, OpenAI, Slack, AWS, Google; and in addresses.
#: And the UUID of a GPU, which is its serial number.
_TOKEN = re.compile(
    r"\b(?:hf_|gh[opsu]_|github_pat_|glpat-|sk-(?:[a-z]+-)?|xox[abp]-|AKIA|ASIA|AIza)[A-Za-z0-9]{16,}[\w-]*|(?<=://)[^/@\s'\"<]+(?=@)"
    r"|(?<=GPU-)[0-9a-fA-F]{8,}|(?<=gpu-)[0-9a-fA-F]{8,}",
    re.ASCII,
)
_TOKEN_BEGINS = ("hf_", "gh", "sk-", "glpat-", "xox", "AKIA", "ASIA", "AIza", "://", "GPU-", "gpu-")


class Names:
    """The names of one host. Without any, only what cannot be printed is hidden."""

    def __init__(
        self, home: str | None = None, *, user: Iterable[str] = (), machine: Iterable[str] = (), containers: Iterable[str] = ()
    ) -> None:
        self.home = home
        self._words = dict.fromkeys(user, "$USER") | dict.fromkeys(machine, "$HOSTNAME")
        self._words |= {name: f"<container-{number}>" for number, name in enumerate(dict.fromkeys(containers), 1)}
        self._real = {shown: name for name, shown in reversed(self._words.items())}
        homes = {home, os.path.realpath(home)} if home else set()
        before, after = r"(?:(?<![\w.~$-])|(?<=-[A-Z]))", r"(?![\w-]|\.\w)"
        parts = [f"{before}(?P<home>{'|'.join(map(re.escape, homes))}){after}"] if homes else []
        if self._words:
            longest = sorted(self._words, key=len, reverse=True)
            parts.append(rf"(?<![A-Za-z0-9_$])(?P<word>{'|'.join(map(re.escape, longest))})(?![A-Za-z0-9_])")
        self._names = re.compile("|".join(parts)) if parts else None
        self._needles = (*homes, *self._words)

    def hide(self, text: str) -> str:
        """`text`, mostly a path, with names replaced; bytes that the system gave and that are no UTF-8 become \\xNN."""
        if not text.isascii():
            text = re.sub("[\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:x}", text)
        return self._named(text)

    def hide_text(self, text: str) -> str:
        """`hide`, for text that may hold tokens too."""
        return self.hide(_without_tokens(text))

    def hide_bytes(self, data: bytes) -> bytes:
        """`hide_text` for what a program prints; bytes that are no UTF-8 stay."""
        text = _without_tokens(data.decode("utf-8", "surrogateescape"))
        return self._named(text).encode("utf-8", "surrogateescape")

    def _named(self, text: str) -> str:
        # Looking for the bare words first spares megabytes of output the expression.
        return self._names.sub(self._shown, text) if self._names and any(map(text.__contains__, self._needles)) else text

    def _shown(self, found: re.Match[str]) -> str:
        return self._words[found[0]] if "word" in found.re.groupindex and found["word"] else "~"

    def reveal(self, path: str) -> str:
        """The real path of a hidden one. Raises FileNotFoundError where it lies below a home that is not known."""
        if "\\x" in path:
            path = re.sub(r"\\x([89a-f][0-9a-f])", lambda found: chr(0xDC00 + int(found[1], 16)), path)
        for shown, name in self._real.items():
            path = path.replace(shown, name)
        if path == "~" or path.startswith("~/"):
            if self.home is None:
                raise FileNotFoundError(errno.ENOENT, "no home folder is known", path)
            return self.home + path[1:]
        return path


def _without_tokens(text: str) -> str:
    return _TOKEN.sub("<set>", text) if any(map(text.__contains__, _TOKEN_BEGINS)) else text


def of_this_machine() -> Names:
    """The names of the user (under sudo: of who called it) and of the machine."""
    home, users = _home()
    machine = os.uname().nodename
    return Names(
        home,
        user=filter(_telling, users),
        machine=filter(_telling, dict.fromkeys((machine, machine.partition(".")[0]))),
        containers=filter(_telling, _containers()),
    )


def _containers() -> list[str]:
    """Ids and names of the containers around this process: docker's id begins with the host name, LXC's name is the host name."""
    found: list[str] = []
    for process in ("self", "1"):
        with contextlib.suppress(OSError), open(f"/proc/{process}/cgroup", encoding="utf-8", errors="replace") as file:
            text = file.read(1 << 16)
            found += re.findall(r"[0-9a-f]{32,}|(?<=/lxc/)[^/\s]+|(?<=/lxc\.payload\.)[^/\s]+", text)
    return found


def _telling(name: str) -> bool:
    """Whether a name may be replaced wherever it stands: it is nobody's otherwise, and no folder of the system is called so."""
    return (
        len(name) > 1
        and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name) is not None
        and not name.isdecimal()
        and not _COMMON.fullmatch(name.lower())
        and not any(os.path.lexists(folder + name) for folder in ("/", "/usr/", "/opt/", "/usr/bin/", "/usr/lib/", "/sys/module/", "/var/"))
    )


def _home() -> tuple[str | None, list[str]]:
    """The home folder, from $HOME or the password file (None where neither knows one), and names of the user."""
    import pwd

    users = [os.environ.get(name, "") for name in ("USER", "LOGNAME")]
    home = os.environ.get("HOME", "")
    own = None
    try:
        own = pwd.getpwuid(os.getuid())
        users.append(own.pw_name)
    except KeyError:  # a uid without an entry, as in many containers
        pass
    caller = os.environ.get("SUDO_USER") or os.environ.get("DOAS_USER")
    if caller and os.getuid() == 0:
        users.append(caller)
        if not own or home in {"", own.pw_dir}:  # sudo without -E: the shell that called it, and its `~`, are the caller's
            with contextlib.suppress(KeyError):
                home = pwd.getpwnam(caller).pw_dir
    if not os.path.isabs(home):
        if own is None:
            return None, users
        home = own.pw_dir
    home = os.path.normpath(home)
    if os.path.basename(os.path.dirname(home)) == "home":
        users.append(os.path.basename(home))
    return None if home == "/" else home, users
