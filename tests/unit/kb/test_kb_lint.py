"""The gate over the knowledge base: it passes the real one, and finds each fault that is planted."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from rocmkit.kb._load import ROOT
from tools.kb_lint import faults
from tools.kb_ranges import overlap

LOGS = """
contexts:
  rocm: {what: "ROCm", lines: ['\\bROCm\\b'], known: documented, sources: ["ROCm/ROCm README.md"]}
trackers:
  - project: rocBLAS
    url: "https://github.com/ROCm/rocm-libraries/issues"
    lines: ['rocBLAS error']
    known: documented
    sources: ["ROCm/ROCm#1"]
words:
  - {english: "Killed", japanese: ["強制終了"], known: documented, sources: ["GNU bash po/ja.po"]}
"""
OF_A_CHECK = """
code: RK201
id: kfd-permission
after: [docker-no-devices]
fix:
  text: "Let {user} into the group of {file}."
  commands: ["sudo usermod -aG render $USER"]
  relogin: true
signatures:
  - id: unable-to-open
    lines: ['Unable to open (?P<file>/dev/kfd): .*user (?P<user>\\w+)']
    confidence: sure
    cause: "{user} may not open {file}."
    seen: "2025-04"
    known: reported
    sources: ["ROCm/rocminfo#34"]
"""
ALONE = """
code: RK901
id: out-of-smoke
title: "The smoke ran out"
severity: error
page: {summary: "It ran out.", why: "It matters.", ignore: "Never."}
after: [kfd-permission]
fix:
  text: "Fill it up on {gfx}."
  commands: ["{pip} install smoke", "{python} -m smoke {gfx}"]
signatures:
  - id: two-lines
    lines: ['smoke of (?P<gfx>gfx[0-9a-f]{3,5})', 'it ran out']
    within: 5
    requires: [rocm]
    confidence: likely
    cause: "The smoke of {gfx} ran out."
    seen: "2025"
    known: inferred
    sources: ["https://example.org/smoke", "smoke 1.0 wheel"]
"""
ALL = "'Unable to open (?P<file>/dev/kfd): .*user (?P<user>\\w+)'"
FIX = ALONE[ALONE.index("fix:") : ALONE.index("signatures:")]
COPIED = ("rocm", "reports", "onnxruntime", "packages", "torch", "numba", "systems", "arch/gfx906")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small knowledge base without a fault."""
    for folder in ("arch", "issues"):
        (tmp_path / folder).mkdir()
    for name in COPIED:
        shutil.copy(ROOT / f"{name}.yaml", tmp_path / f"{name}.yaml")
    (tmp_path / "logs.yaml").write_text(LOGS)
    (tmp_path / "issues/kfd-permission.yaml").write_text(OF_A_CHECK)
    (tmp_path / "issues/out-of-smoke.yaml").write_text(ALONE)
    return tmp_path


def test_the_knowledge_base_is_without_a_fault() -> None:
    assert faults() == []


def test_so_is_the_small_one_that_faults_are_planted_in(root: Path) -> None:
    assert faults(root) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        # codes and ids
        ("issues/out-of-smoke", "id: out-of-smoke", "id: out-of-fire", "its id is 'out-of-fire'"),
        ("issues/out-of-smoke", "RK901", "RK801", "RK801 is no code of an issue without a check"),
        ("issues/out-of-smoke", "RK901", "RK201", "the code 'RK201' is given 2 times"),
        ("issues/out-of-smoke", '"The smoke ran out"', "\"This user may not open the GPU's device files\"", "is given 2 times"),
        ("issues/kfd-permission", "RK201", "RK902", "its code is RK902, that of the check RK201"),
        ("issues/kfd-permission", "id: kfd-permission", "id: kfd-permission\nseverity: error", "it has a severity, and so has the check"),
        ("issues/kfd-permission", "id: kfd-permission", 'id: kfd-permission\ntitle: "Mine"', "it has a title, and so has the check"),
        ("issues/out-of-smoke", "severity: error\n", "", "it has no severity"),
        ("issues/out-of-smoke", 'title: "The smoke ran out"\n', "", "it has no title"),
        ("issues/out-of-smoke", "page: {", "#: {", "it has no page"),
        ("issues/out-of-smoke", "severity: error", "colour: red", "unknown field `colour`"),
        # sources and dates
        ("issues/kfd-permission", '["ROCm/rocminfo#34"]', "[]", "has no source"),
        ("issues/kfd-permission", "ROCm/rocminfo#34", "a friend", "of no known shape: 'a friend'"),
        ("issues/kfd-permission", "ROCm/rocminfo#34", "http://example.org/x", "of no known shape"),
        ("issues/kfd-permission", '"ROCm/rocminfo#34"', '"ROCm/rocminfo#34", "ROCm/rocminfo#34"', "has a source twice"),
        ("issues/kfd-permission", "    known: reported\n", "", "required field `known`"),
        ("issues/kfd-permission", "known: reported", "known: rumoured", "Invalid enum value 'rumoured'"),
        ("issues/kfd-permission", '"2025-04"', '"2025-13"', "no date"),
        ("issues/kfd-permission", '"2025-04"', '"2031-01"', "no date"),
        ("issues/kfd-permission", '"2025-04"', '"in April"', "no date"),
        ("torch", 'since: "2023-03-14"', 'since: "2023-02-30"', "since: no date"),
        ("numba", 'released: "2022-11-03"', 'released: "3.11.2022"', "released: no date"),
        # versions and their ranges
        ("rocm", 'releases: ">=6.1,<6.1.5"', 'releases: ">=6.1,<6.x"', "no version specifier"),
        ("rocm", 'releases: ">=6.1,<6.1.5"', 'releases: "6.1"', "no version specifier: '6.1'"),
        ("rocm", 'releases: ">=6.1,<6.1.5"', 'releases: ">=6.1,<6.2"', "share 6.1.5"),
        ("rocm", 'library: rocblas\n    releases: "==6.3.*"', 'library: rocblas\n    releases: ">=6.2.4,<6.4"', "libraries rocblas"),
        ("rocm", 'fails_on: ">=6.8.0-44,<6.9"', 'fails_on: ">=6.8.0-41,<6.9"', "share 6.8.0.post41"),
        ("rocm", 'dkms: "6.8.5"', 'dkms: "six"', "dkms: no version: 'six'"),
        ("arch/gfx906", 'rocm: "==6.4.*"', 'rocm: "==6.3.*"', "support by amd"),
        ("onnxruntime", 'releases: "===1.22.1"', 'releases: ">=1.22.1"', "flavours onnxruntime-rocm"),
        ("reports", 'torch: ">=2.4,<2.6"', 'torch: ">=2.4"', "math on gfx900"),
        ("packages", 'releases: ">=3.1,<4"', 'releases: ">=3.1"', "gated pyannote-audio"),
        ("systems", 'torch: ">=2.6"', 'torch: ">=2.6;"', "no version specifier"),
        # patterns
        ("issues/kfd-permission", "Unable to open", "(?!Unable) to open", "no pattern"),
        ("issues/kfd-permission", "Unable to open", "Unable (to open", "no pattern"),
        ("issues/kfd-permission", ALL, "'.*(?P<file>.*)(?P<user>.*)'", "the empty text"),
        ("issues/kfd-permission", ALL, "'(?P<file>.)(Unable|no) .*(?P<user>\\w)'", "it holds 3 literal characters"),
        ("issues/kfd-permission", "Unable to open", "Unable\\nto open", "spans lines"),
        ("issues/out-of-smoke", "(?P<gfx>gfx[0-9a-f]{3,5})", "(?P<gfx>gfx.*)", "gfx may hold more"),
        ("issues/out-of-smoke", "(?P<gfx>gfx[0-9a-f]{3,5})", "(?P<gfx>gfx(?:906|\\S+))", "gfx may hold more"),
        ("issues/kfd-permission", "Unable to open", "Unable[\\n]to open", "spans lines"),
        ("logs", "rocBLAS error", "r.*", "logs: Tracker rocBLAS: it holds 1 literal characters"),
        # several lines
        ("issues/out-of-smoke", "within: 5", "within: 0", "within is 0 for 2 lines"),
        ("issues/out-of-smoke", ", 'it ran out'", "", "within is 5 for 1 lines"),
        ("issues/kfd-permission", "signatures:", "signatures:\n  - *one\n", "alias"),
        # texts and commands
        ("issues/kfd-permission", '"{user} may not', '"{users} may not', "cause: {users} is no group"),
        ("issues/kfd-permission", "(?P<user>\\w+)", "(?P<user>\\w+)?", "cause: {user} is no group of every text"),
        ("issues/kfd-permission", "user (?P<user>\\w+)", "(?:user (?P<user>\\w+)|nobody)", "fix: {user} is no group of every text"),
        ("issues/kfd-permission", "Let {user}", "Let {user", "fix: "),
        ("issues/kfd-permission", "render $USER", "render {user}", "a command holds {user}"),
        ("issues/out-of-smoke", "{python} -m smoke", "cd x; {pip} install", "stands in the middle of a command"),
        ("issues/out-of-smoke", '"{pip} install smoke"', '"a\\nb"', "a command is no line"),
        ("issues/out-of-smoke", "fix:\n", "x-fix:\n", "unknown field"),
        ("issues/out-of-smoke", FIX, "", "it has no fix"),
        # what explains what, and contexts
        ("issues/out-of-smoke", "after: [kfd-permission]", "after: [kfd-permision]", "no check and no issue is called kfd-permision"),
        ("issues/kfd-permission", "after: [docker-no-devices]", "after: [out-of-smoke]", "it explains itself"),
        ("issues/out-of-smoke", "requires: [rocm]", "requires: [rokm]", "no context is called rokm"),
        ("issues/out-of-smoke", "requires: [rocm]", "unless: []", "no signature asks for the context rocm"),
        ("logs", "https://github.com", "github.com", "rocBLAS: no address"),
        ("logs", '["強制終了"]', '["強制終了", "強制終了"]', "the word 強制終了 is there 2 times"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_found(root: Path, file: str, old: str, new: str, words: str) -> None:
    path = root / f"{file}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert any(words in fault for fault in faults(root)), faults(root)


OF_SMOKE = """
code: RK799
id: smoke-out
title: "The smoke went out"
severity: note
page: {summary: "It went out.", why: "It matters.", ignore: "Never.", looks: "The eye.", sources: ["ROCm/ROCm#1"]}
fix: {text: "Light it."}
"""


def test_what_smoke_finds_needs_no_text_but_words_and_sources(root: Path) -> None:
    path = root / "issues/smoke-out.yaml"
    path.write_text(OF_SMOKE)
    assert faults(root) == []
    for lost in (', looks: "The eye."', ', sources: ["ROCm/ROCm#1"]'):
        path.write_text(OF_SMOKE.replace(lost, ""))
        assert faults(root) == [
            "issues/smoke-out: it has no signature, and no page with sources that says what it is seen by",
            "issues/smoke-out: its page has no sources, or does not say what it is seen by",
        ]
    path.write_text(OF_SMOKE.replace("ROCm/ROCm#1", "a friend"))
    assert any("of no known shape: 'a friend'" in fault for fault in faults(root))


def test_a_file_that_nobody_reads_is_a_fault(root: Path) -> None:
    (root / "extra.yaml").write_text("a: 1\n")
    assert faults(root) == ["extra: tools/kb_files.py does not know its shape"]


@pytest.mark.parametrize("sound", ["gfx[0-9a-f]{3,5}", "gfx(?:906|90a)", "gfx(1036|1035)"])
def test_a_group_that_holds_an_architecture_and_nothing_else(root: Path, sound: str) -> None:
    path = root / "issues/out-of-smoke.yaml"
    path.write_text(path.read_text().replace("(?P<gfx>gfx[0-9a-f]{3,5})", f"(?P<gfx>{sound})[^\\n]*"))
    assert faults(root) == []


def test_two_signatures_of_one_name(root: Path) -> None:
    path = root / "issues/kfd-permission.yaml"
    text = path.read_text()
    path.write_text(text + text[text.index("  - id:") :])
    assert faults(root) == ["issues/kfd-permission: two signatures are called unable-to-open"]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (">=1,<2", ">=2", None),
        (">=1,<=2", ">=2", "2"),
        ("==6.4.*", ">6.4", "6.4.0.0.0.1"),
        ("==6.4.*", ">=6.5", None),
        ("==6.4.*", "!=6.4,<6.5", "6.4.0.0.0.1"),
        (">=6.8.0-40,<=6.8.0-41", ">=6.8.0-42,<6.9", None),
        ("", "<3", "0"),
        ("~=1.22.1", ">=1.23", None),
    ],
)
def test_the_versions_that_two_specifiers_share(one: str, other: str, shared: str | None) -> None:
    assert overlap(one, other) == overlap(other, one) == shared


NUMBERS = st.integers(0, 3)
VERSIONS = st.lists(NUMBERS, min_size=1, max_size=3).map(lambda parts: ".".join(map(str, parts)))
PARTS = st.one_of(
    st.tuples(st.sampled_from((">=", "<=", "<", ">", "==", "!=")), VERSIONS).map("".join),
    VERSIONS.map("=={}.*".format),
)
SPECIFIERS = st.lists(PARTS, max_size=3).map(",".join)


@given(SPECIFIERS, SPECIFIERS, st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=30))
def test_no_shared_version_is_missed(one: str, other: str, tried: list[tuple[int, ...]]) -> None:
    found = overlap(one, other)
    for text in filter(None, [found]):
        assert text in SpecifierSet(one) and text in SpecifierSet(other)
    if found is None:
        for parts in tried:
            text = ".".join(map(str, parts))
            assert not (text in SpecifierSet(one) and text in SpecifierSet(other)), text
