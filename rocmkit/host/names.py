"""What names a person or a machine, and what stands for it outside the host.

Reversible: what was hidden can be asked about. `~` and `$USER` are words that a shell expands, so a command that holds them works.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from rocmkit.host.secrets import secrets

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
#: What is private by its form, wherever it stands. Kind to expression; what it matches is hidden, or only its group `KIND_value`.
_FORMS = {
    # Four numbers after such a word are no address.
    "version": r"\b(?i:(?:version|release|rev|ver|firmware|fw)\w{0,16}|v)\W{0,3}[0-9]{1,9}(?:\.[0-9]{1,9})+",
    "token": (
        # of Hugging Face, GitHub, AWS, Google, Stripe, Groq, Replicate
        r"\b(?:hf_|api_org_|gh[oprsu]_|github_pat_|AKIA|ASIA|[rs]k_live_|gsk_|r8_)[A-Za-z0-9]{16,}[\w-]*"
        # of GitLab, npm, the Python package index, Docker, NVIDIA, Google, SendGrid; of OpenAI and Anthropic; of Slack
        r"|\b(?:gl(?:pat|rt|dt|ptt|cbt|soat)-|npm_|pypi-AgE|dckr_pat_|nvapi-|ya29\.|SG\.|AIza)[\w.-]{16,}"
        r"|\bsk-(?=[\w-]{0,40}[0-9])[\w-]{20,}|\bx(?:ox[abeprs]|app)-[A-Za-z0-9-]{10,}"
        r"|\beyJ[\w-]{10,}(?:\.[\w-]+){0,2}"  # RFC 7519: JSON in base64 begins so
        r"|(?<=://)[^/@\s'\"<]+(?=@)"  # RFC 3986: user and password
        r"|(?<=hooks\.slack\.com/services/)[\w/-]+|(?<=/api/webhooks/)[\w/-]+"  # whoever has the address may write
    ),
    "serial": r"(?<=GPU-)[0-9a-fA-F-]{8,}|(?<=gpu-)[0-9a-fA-F-]{8,}",  # a GPU's UUID is its serial number
    # All but the one that EFI gives its own variables, for all machines alike (UEFI specification, 3.3).
    "uuid": r"(?<![0-9A-Za-z])(?!8be4df61-93ca-11d2-aa0d)[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![0-9A-Za-z])"
    r"|(?<=/)[0-9A-F]{4}-[0-9A-F]{4}(?=/|$)"  # of FAT, as a folder below /media
    r"|(?<=PARTUUID=)[0-9a-fA-F]{8}-[0-9a-fA-F]{2}(?![0-9A-Za-z])",  # of a partition of a disk with an MBR
    "mac": r"(?<![\w:.-])[0-9a-fA-F]{2}(?P<mac_sign>[:-])(?:[0-9a-fA-F]{2}(?P=mac_sign)){4}[0-9a-fA-F]{2}(?![\w:-])",
    # What systemd calls its units looks alike: user@1000.service.
    "mail": r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}"
    r"(?!(?:service|slice|scope|socket|mount|timer|target|path|swap|device)\b)[A-Za-z]{2,24}(?![\w@])",
    # RFC 1918, 3927, 6598. In a path any other four numbers may be a version.
    "address": r"(?<![\w.+-])(?<!==)(?:10\.[0-9]{1,3}|192\.168|169\.254|172\.(?:1[6-9]|2[0-9]|3[01])"
    r"|100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7]))(?:\.[0-9]{1,3}){2}(?![\w.])",
}
_WORD = (
    r"(?:pass(?:word|wd|phrase|code)|(?<![A-Za-z])(?:pass|pwd|auth)|secret|token|credentials?"
    r"|(?:api|access|account|private|secret)[-_ ]?key)"
)
_SCHEME = r"(?:bearer|basic|token|digest|apikey)"  # RFC 9110, 11.1, and what services made of it
#: And in what people and programs write.
_FREE_FORMS = {
    "key": r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!-))*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?",
    "named": rf"(?i:{_WORD}(?:[-_]id)?[\"']?(?: ?= ?|: ?)|--(?:[a-z0-9]{{1,32}}[-_]){{0,4}}{_WORD}[ =]|[?&]sig=|\bauthorization: ?)"
    rf"(?i:{_SCHEME} )?[\"']?(?P<named_value>(?![/~$<]|(?i:{_SCHEME}) )[^\s\"'&;,<>$]{{4,}})",
    "bearer": r"(?i:\bbearer )(?P<bearer_value>[\w.~+/=-]{8,})",
    "numbered": r"(?i:(?<![A-Za-z0-9])(?:serial(?:[ _-]?(?:number|num|no|nr))?|(?:unique|hive|machine)[ _]?id|asset[ _]?tag|s/?n(?=:)))"
    r"[\"']?[ \t]{0,20}[:=# ][ \t]{0,20}[\"']?(?P<numbered_value>(?=[\w-]*[0-9])[\w-]{6,})",
    "ipv4": r"(?<![\w.+-])(?<!==)(?!127\.|0\.0\.0\.0|255\.)(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}"
    r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?![\w]|\.\w)",
    # RFC 4291: global, local and multicast addresses begin so; no PCI address has two colons in a row or seven of them.
    "ipv6": r"(?<![\w:.])(?i:(?:[23][0-9a-f]{3}|f[c-f][0-9a-f]{2})"
    r"(?:(?::[0-9a-f]{1,4}){7}|(?::[0-9a-f]{1,4}){0,6}::(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4}){0,6})?))(?!\w|:[0-9a-fA-F:])",
}
#: What the forms are called outside, where that is another name.
_CALLED = {"key": "token", "named": "token", "bearer": "token", "numbered": "serial", "ipv4": "address", "ipv6": "address"}


def _one_of(forms: Mapping[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in forms.items()), re.ASCII)


_IN_PATHS = _one_of(_FORMS)
#: A path that matches one of `_FORMS` holds one of these, many dashes or many colons. Most paths do not, and there are thousands.
_SIGNS = (
    *("hf_", "api_org_", "gh", "AKIA", "ASIA", "AIza", "_live_", "gsk_", "r8_", "gl", "npm_", "pypi-", "dckr_", "nvapi-", "ya29", "SG."),
    *(
        "sk-",
        "xox",
        "xapp-",
        "eyJ",
        "://",
        "GPU-",
        "gpu-",
        "/media/",
        "hooks.slack",
        "webhooks",
        "PARTUUID",
        "@",
        "10.",
        "192.168.",
        "169.254.",
        "172.",
        "100.",
    ),
)
_IN_TEXT = _one_of({name: _FREE_FORMS[name] for name in ("key", "named", "bearer", "numbered")} | _FORMS | _FREE_FORMS)
#: Homes of other people, and what the system mounts for them. `~`, `$USER` and `<user-1>` stand for somebody already.
_OTHERS = re.compile(r"(?:(?<=/home/)|(?<=/[Uu]sers/)|(?<=\\Users\\)|(?<=/media/))[^/\\\s:;,'\"<>$~()\[\]|`]+")
_ALIAS = re.compile(r"<(?:user|host|token|serial|uuid|mac|mail|address)-[0-9]{1,9}>")


class Names:
    """The names of one host. Without any, only what is private by its form, or cannot be printed, is hidden."""

    def __init__(
        self,
        home: str | None = None,
        *,
        user: Iterable[str] = (),
        machine: Iterable[str] = (),
        containers: Iterable[str] = (),
        passwords: Iterable[str] = (),
        others: bool = False,
    ) -> None:
        self.home = home
        self._others = others  # whether homes of other people are hidden too
        self._lock = threading.Lock()  # probes ask side by side
        self._counts: Counter[str] = Counter()
        self._aliases: dict[tuple[str, str], str] = {}
        self._aliased: dict[str, str] = {}
        self._words: dict[str, str] = {}
        for kind, word, names in (("user", "$USER", user), ("host", "$HOSTNAME", machine)):
            for name in dict.fromkeys(names):  # the first is what the shell says; two names under one word could not be told apart again
                self._words[name] = self._alias(kind, name) if word in self._words.values() else word
        self._words |= {name: f"<container-{number}>" for number, name in enumerate(dict.fromkeys(containers), 1)}
        self._words |= {value: self._alias("token", value) for value in passwords}
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
        """`text`, mostly a path, without what is private; bytes that the system gave and that are no UTF-8 become \\xNN."""
        return _printable(self._hidden(text, _IN_PATHS))

    def hide_text(self, text: str) -> str:
        """`hide`, for what people and programs write: passwords and addresses go too."""
        return _printable(self._hidden(text, _IN_TEXT))

    def hide_words(self, words: Sequence[str]) -> tuple[str, ...]:
        """`hide_text` for the words of a command line, where a password stands behind the option that says so."""
        pairs = zip(("", *words), words, strict=False)
        return tuple(self.hide_text(word) if not before.startswith("-") else self._behind(before, word) for before, word in pairs)

    def _behind(self, option: str, word: str) -> str:
        before = f"{self.hide_text(option)} "
        both = self.hide_text(f"{option} {word}")
        return both.removeprefix(before) if both.startswith(before) else self.hide_text(word)

    def hide_bytes(self, data: bytes, *, written: bool = True) -> bytes:
        """`hide_text`, or where it was not `written` by anybody `hide`, for bytes; those that are no UTF-8 stay."""
        shown = self._hidden(data.decode("utf-8", "surrogateescape"), _IN_TEXT if written else _IN_PATHS)
        return shown.encode("utf-8", "surrogateescape")

    def _hidden(self, text: str, forms: re.Pattern[str]) -> str:
        if forms is not _IN_PATHS or _may_hold_a_form(text):
            text = forms.sub(self._formed, text)
        # Looking for the bare words first spares long texts the expression.
        if self._names and any(map(text.__contains__, self._needles)):
            text = self._names.sub(self._named, text)
        return _OTHERS.sub(self._other, text) if self._others else text

    def _formed(self, found: re.Match[str]) -> str:
        form = found.lastgroup or ""
        if form == "version":
            return found[0]
        if form == "mail" and self.home and found.string.endswith(self.home, 0, found.end()):
            return found[0]  # of a directory service: it goes with the home folder
        value = found[f"{form}_value"] if f"{form}_value" in found.re.groupindex else found[0]
        return found[0].removesuffix(value) + self._alias(_CALLED.get(form, form), value)

    def _named(self, found: re.Match[str]) -> str:
        return self._words[found[0]] if "word" in found.re.groupindex and found["word"] else "~"

    def _other(self, found: re.Match[str]) -> str:
        return found[0] if _COMMON.fullmatch(found[0].lower()) else self._alias("user", found[0])

    def _alias(self, kind: str, value: str) -> str:
        """<kind-N>, the same for the same value."""
        with self._lock:
            shown = self._aliases.get((kind, value))
            if shown is None:
                self._counts[kind] += 1
                shown = self._aliases[kind, value] = f"<{kind}-{self._counts[kind]}>"
                self._aliased[shown] = value
            return shown

    def reveal(self, path: str) -> str:
        """The real path of a hidden one. Raises FileNotFoundError where it lies below a home that is not known."""
        if "\\x" in path:
            path = re.sub(r"\\x([89a-f][0-9a-f])", lambda found: chr(0xDC00 + int(found[1], 16)), path)
        path = _ALIAS.sub(lambda found: self._aliased.get(found[0], found[0]), path)
        for shown, name in self._real.items():
            path = path.replace(shown, name)
        if path == "~" or path.startswith("~/"):
            if self.home is None:
                raise FileNotFoundError(errno.ENOENT, "no home folder is known", path)
            return self.home + path[1:]
        return path


def _may_hold_a_form(path: str) -> bool:
    return path.count("-") > 3 or path.count(":") > 4 or any(map(path.__contains__, _SIGNS))


def _printable(text: str) -> str:
    return text if text.isascii() else re.sub("[\udc80-\udcff]", lambda found: f"\\x{ord(found[0]) - 0xDC00:x}", text)


def of_this_machine() -> Names:
    """The names of the user (under sudo: of who called it) and of the machine."""
    home, users = _home()
    machine = os.uname().nodename
    return Names(
        home,
        user=filter(_telling, users),
        machine=filter(_telling, dict.fromkeys((machine, machine.partition(".")[0]))),
        containers=filter(_telling, _containers()),
        passwords=secrets(sys.argv, os.environ),
        others=True,
    )


#: What managers of containers and services call the parts of a control group's path; the rest names one of them, or a program.
_GROUP = re.compile(
    r"(?:docker-|libpod-|libpod-conmon-|cri-containerd-|crio-|lxc\.payload\.|lxc\.monitor\.|kubepods-(?:burstable-|besteffort-)?)?"
    r"(?:(?:kubepods|burstable|besteffort|docker|libpod_parent|lxc|system|user|machine|session|app|background|init|actions_job|ecs|buildkit"
    r"|process_api|container|user-[0-9]+|user@[0-9]+|session-\w+)(?![\w@:-])|(?P<own>.+?))(?:\.(?:slice|scope|service))*"
)


def _containers() -> list[str]:
    """What the control groups around this process are called: docker's ids begin with the host name, LXC's name is the host name."""
    found: list[str] = []
    for process in ("self", "1"):
        with contextlib.suppress(OSError), open(f"/proc/{process}/cgroup", encoding="utf-8", errors="replace") as file:
            text = file.read(1 << 16)
            parts = (part for line in text.splitlines() for part in line.split(":", 2)[-1].split("/") if part)
            found += [match["own"] for part in parts if (match := _GROUP.fullmatch(part)) and match["own"]]
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
