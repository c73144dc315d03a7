"""What the HSA runtime shows to programs, from rocminfo. Unlike KFD's word, HSA_OVERRIDE_GFX_VERSION changes it."""

from __future__ import annotations

import re
from itertools import islice

from rocmkit.facts import Agent, Gap, Runtime, gap
from rocmkit.host.base import Host
from rocmkit.probe.gaps import from_run
from rocmkit.probe.tools import find

LIMIT_S = 3.0
_ISA = "amdgcn-amd-amdhsa--"
_PAIR = re.compile(r"^\s+([A-Za-z][^:]*):\s+(\S.*?)\s*$")
_KEPT = re.compile(rb"^\s+(Name|Marketing Name|Device Type):")
#: Other lines of the form "  Key: value" (among them `Uuid`) and ornaments.
_DROPPED = re.compile(rb"^\s+[^\s:][^:]*:(\s|$)|^[\s*=]*$")
#: rocminfo colours its complaints even where it writes into a pipe (seen with Debian's of ROCm 6.4).
_COLOUR = re.compile(rb"\x1b\[[0-9;]{0,20}m")
_MEMBER = re.compile(rb"^(\s*)\S+(?= is (?:not )?(?:a )?member of )")
_HOME = re.compile(rb"/home/[^/\s:]+")
#: A machine with 64 partitions has a quarter of these.
_MOST_LINES = 4000
#: Lines that open or head a good report, and say nothing of a failure.
_HEADING = re.compile(
    r"^(ROCk module (version \S+ )?is loaded|HSA System Attributes|HSA Agents|Agent \d+|ISA \d+|Pool \d+|[\w ().-]+ Info:|\*\*\* Done.*"
    r"|\S+ is (a )?member of .*"
    r"|(Runtime|System|Sig\.|Machine|Mwaitx|XNACK|DMAbuf|VMM|Name|Marketing Name|Device Type)\b[^:]*:.*)$"
)
#: What an exit status of 0 hides in some releases.
_FAILURE = re.compile(r"unable to open|not loaded|failed|failure|error|denied", re.IGNORECASE)


def keep(data: bytes) -> bytes:
    """Names and kinds of agents, and free text without the user's name and home: no `Uuid`, which is the card's serial number."""
    lines = (line for line in _COLOUR.sub(b"", data).splitlines() if _KEPT.match(line) or not _DROPPED.match(line))
    return b"\n".join(_HOME.sub(b"~", _MEMBER.sub(rb"\1<user>", line))[:1000] for line in islice(lines, _MOST_LINES))


def parse(text: str) -> tuple[Agent, ...] | None:
    """The GPU agents; None where no agent of any kind is listed."""
    sections = re.split(r"^\s*Agent \d+\s*$", text, flags=re.MULTILINE)[1:]
    if not sections:
        return None
    found = []
    for section in sections:
        pairs = [(pair[1], pair[2]) for line in section.splitlines() if (pair := _PAIR.match(line))]
        names = [value for key, value in pairs if key == "Name"]
        own = [name for name in names if not name.startswith(_ISA)]
        # The first instruction set is the chip's own; a generic one may follow.
        isa = next((name.removeprefix(_ISA) for name in names if name.startswith(_ISA)), None)
        values = dict(reversed(pairs))
        if values.get("Device Type") == "GPU" and own:
            found.append(Agent(name=own[0], marketing_name=values.get("Marketing Name"), isa=isa))
    return tuple(found)


def complaint(text: str) -> str | None:
    """rocminfo's own words where it failed: what is left of its output without headings and attributes."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    said = [line for line in lines if line and not _HEADING.match(line)]
    return "\n".join(said[:12]) or None


def runtime(host: Host) -> Runtime | Gap:
    """Run rocminfo once, if it is there. Raises OSError, NotAsked, ValueError (output that says nothing)."""
    path = find(host, "rocminfo")
    if path is None:
        return gap("absent" if host.executes else "not-executed", "rocminfo is neither on PATH nor in /opt/rocm*/bin")
    run = host.run((path,), keep, timeout_s=LIMIT_S)
    if (failed := from_run(run, "rocminfo")) is not None:
        return failed
    agents = parse(run.text)
    if agents is not None and not run.exit:
        return Runtime(agents=agents, error=None)
    words = complaint(run.text + "\n" + run.stderr.decode("utf-8", "replace"))
    if not run.exit and not (words and _FAILURE.search(words)):
        raise ValueError("rocminfo: neither agents nor a known failure in its output")
    return Runtime(agents=agents or (), error=words or f"exit status {run.exit}, without a word")
