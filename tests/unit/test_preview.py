"""The preview of a recording: everything that is kept is named, whatever it is."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rocmkit.host.base import Identity
from rocmkit.host.recording import Ended, Recording, load
from rocmkit.report import json
from rocmkit.report.preview import _ASKED, brief, hidden, preview, text

KEPT = Recording(
    rocmkit_recording=1,
    about="test",
    files={"/b": "two\n", "/a": {"base64": "/w=="}, "/c": {"error": "EPERM"}},
    folders={"/dev": ["kfd", "dri"], "/x": {"error": "ENOENT"}},
    links={"=/opt/rocm": "/opt/rocm-6.1.5"},
    stats={"~/.cache": {"kind": "folder", "mode": "0755", "uid": 0, "gid": 0, "major": None}},
    commands=(
        Ended(argv=("/usr/bin/git", "--version"), exit=0, stdout="git version 2"),
        Ended(argv=("/usr/bin/dmesg",), outcome="signal", signal="SIGSEGV", stderr="<token-1> <token-2> <token-1> $USER \x1b[2J"),
        Ended(argv=("/usr/bin/a",), outcome="timeout"),
        Ended(argv=("/usr/bin/b",), error="ENOEXEC"),
    ),
    environ={"HIP_B": "<set>", "HIP_A": "~/x"},
    identity=Identity(uid=7, groups=(), promised=(), group_names={}),
)


def test_everything_is_named_in_order() -> None:
    page = text(preview(KEPT, source="test"))
    rows = [" ".join(line.split()) for line in page.splitlines()]
    for row in (
        *("2 tokens and passwords in 3 places", "the user's name in 1 place") ,
        *("0 bytes timeout /usr/bin/a", "0 bytes ENOEXEC /usr/bin/b", "13 bytes exit 0 /usr/bin/git --version"),
        *("HIP_A ~/x", "HIP_B <set>", "1 byte /a", "4 bytes /b", "EPERM /c", "2 names /dev", "ENOENT /x", "/opt/rocm /opt/rocm-6.1.5"),
        *('~/.cache {"kind":"folder","mode":"0755","uid":0,"gid":0}', 'identity {"uid":7,"groups":[],"promised":[],"group_names":{}}'),
    ):  # fmt: skip
        assert row in rows
    assert rows.index("HIP_A ~/x") < rows.index("HIP_B <set>")
    assert "\x1b" not in page


def test_the_few_lines_after_recording() -> None:
    lines = [" ".join(row).strip() for row in brief(preview(KEPT, source="test"))]
    assert lines[0] == "kept 3 files, 2 folders, 4 commands, 2 variables, 3 other answers"
    assert lines[1].split() == ["ran", "a,", "b,", "dmesg,", "git"]
    assert lines[2].split() == ["variables", "HIP_A,", "HIP_B"]
    assert "2 tokens and passwords" in lines[3]
    assert len(lines) == 5


def test_every_map_of_a_recording_is_shown() -> None:
    maps = {name for name, kind in Recording.__annotations__.items() if str(kind).startswith("dict[str, ") and name != "environ"}
    assert maps - {"files", "folders"} == set(_ASKED)


def test_what_is_hidden_is_counted_by_kind_and_by_place() -> None:
    found = {row.what: (row.different, row.places) for row in hidden("<user-1>/<user-2> <mac-1> ~/a '~' x~ <user-1> a/~b $HOSTNAME <b-1>")}
    assert found == {"names of users": (2, 3), "MAC addresses": (1, 1), "the home folder": (1, 2), "the host's name": (1, 1)}


def test_a_name_cannot_begin_a_line() -> None:
    found = text(preview(Recording(rocmkit_recording=1, about="x", files={"/a\nnothing is hidden": "x"}), source="test"))
    assert "/a\N{REPLACEMENT CHARACTER}nothing is hidden\n" in found


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["error", "base64", "kind"]), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(max_size=5), _JUNK, max_size=3), st.sampled_from(["files", "folders", *_ASKED]))
def test_junk_is_shown_as_it_is(junk: dict[str, Any], verb: str) -> None:
    from rocmkit.model import DataError, to_json

    content = to_json({"rocmkit_recording": 1, "about": "x", verb: junk}, indent=-1)
    try:
        found = preview(load(content, source="test"), source="test")
    except DataError:
        return
    assert text(found).count("\n") >= len(junk)
    json.render(found)
    assert list(brief(found))
