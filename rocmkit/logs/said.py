"""Whether a program said something, or a text only mentions it.

An error text counts where its line begins, or behind what programs put before their messages: a time, a level, a name, each of
which ends with a mark. Behind a plain word it is prose ("if you see the error X"), behind an opening quote or in code it is quoted.
The class of an exception belongs to the message: what stands before it decides.
"""

from __future__ import annotations

import re

#: So much before a message is looked at.
LEAD_BYTES = 200
#: How what stands before a message ends: "12:03:11 ERROR: ", "[drm:amdgpu] *ERROR* ", "asr-1  | ", "#12 3.4 ", "E   ", "b'".
_LEAD = re.compile(
    r"""(?:
        [:\]|>)}*»]\s+                            # a mark and a blank
      | [^\W_]::?                                 # ERROR:root:
      | \{[0-9]+\}                               # the kernel, of the firmware's reports
      | \#\#\[\w+\]                               # GitHub's ##[error]
      | \s[-–—!✗×✘•]+\s+                          # a dash, or a bullet, but not first: that is a list in prose, or a patch
      | ^\s*(?:--|[!✗×✘➜→╰─>└│├═❌⚠]+)\s+           # what tools put before a line of their own
      | ^\S{0,3}\s{2,}                            # "E   " of a test runner
      | \t
      | \S:[0-9]+\s+                              # a file and its line
      | :\s[0-9]+\s+                              # a shell's "line 3: 4711 "
      | ^[0-9TZ:.,+/()\[\]\s\#-]+(?:[OE]\s)?\s    # numbers and times alone, and the streams of GitLab
      | \b(?:ERROR|WARNING|WARN|CRITICAL|FATAL|INFO|ERR)\s+  # a level
      | ^(?:[Ee]rror|[Ww]arning|[Ff]atal)\s+
      | \b(?:stdout|stderr)\s[FP]\s               # containers of Kubernetes
      | ["'][\w@.-]+["']\s?:\s?["']               # a value in JSON
      | \w=["']?                                  # a value in logfmt
      | [:=]\s?\w*(?:Error|Exception)\(["']       # an exception as Python shows it in a message
      | \bb["']                                   # bytes, as Python prints them
    )$""",
    re.VERBOSE,
)
#: The class of an exception, and what says in the middle of a sentence that it was raised.
_CLASS = re.compile(r"\b[\w.]+(?:Error|Exception)\s?:\s+$")
#: A folder before a file's name, with which some messages begin.
_FOLDER = re.compile(r"(?<![^\s:=])[^\s:=\"'`(<]*/$")
_RAISED = re.compile(r"\b(?:with|raised|caught|threw|exception|failed|error)\s+$", re.IGNORECASE)
#: Lines that are source code, commands, comments, patches, tables, pages or mail, whatever stands in them.
_CODE = re.compile(
    r"""\s*(?:
        (?:raise|if|elif|assert|echo|grep|rg|return|except|throw|case)\s
      | (?:print|printf|fprintf|logger\.\w+|logging\.\w+|assert)\(
      | //|\#(?![0-9#])|\*\s|%\s|[-+•]\s|\|.*\|\s*$
      | E\s{3,}[-+?]\s                            # how a test runner shows a difference
      | \S+\.\w+:[0-9]+:\s{2}                     # grep in source code
      | </?(?:!--|a|b|br|code|dd|div|dt|em|h[1-6]|li|p|pre|span|strong|td|th|tr|ul)\b
      | (?:Subject|Re|Title):\s
    )""",
    re.VERBOSE,
)


def said(line: bytes, start: int) -> bool:
    """Whether what begins at `start` in a line is a message of a program."""
    lead = line[max(0, start - LEAD_BYTES) : start].decode("utf-8", "replace")
    lead = _FOLDER.sub("", lead)
    if named := _CLASS.search(lead):
        lead = lead[: named.start()]
        if _RAISED.search(lead):
            return not quoted(line)
    return not lead.strip() or (_LEAD.search(lead) is not None and not quoted(line))


def quoted(line: bytes) -> bool:
    """Whether all of a line is no message of a program, but code, or about one."""
    return _CODE.match(line[: 2 * LEAD_BYTES].decode("utf-8", "replace")) is not None
