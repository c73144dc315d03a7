"""Signatures in whole logs: prefixes of every kind, several lines, bounds, and what is only mentioned."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.host.names import Names
from rocmkit.kb.issues import issues
from rocmkit.logs.match import match, patterns
from rocmkit.logs.said import said
from rocmkit.logs.text import BLOCK_BYTES
from rocmkit.logs.values import ENOUGH, Hit, Log
from rocmkit.model import Model, convert, load_yaml

ROOT = Path(__file__).resolve().parents[2]
#: As rocBLAS prints it where it has no files for the GPU (ROCm/legacy-rocm-build#4625).
FAULT = "rocBLAS error: Cannot read /opt/rocm/lib/rocblas/library/TensileLibrary.dat: No such file or directory for GPU arch : gfx906"
TORCH = "RuntimeError: HIP error: invalid device function"


def hits(text: str | bytes) -> list[Hit]:
    return list(match([text if isinstance(text, bytes) else text.encode()]).hits)


def ids(text: str | bytes) -> set[str]:
    return {hit.issue.id for hit in hits(text)}


class Known(Model, kw_only=True):
    logs: tuple[dict[str, object], ...]


def known_texts() -> list[bytes]:
    files = sorted((ROOT / "tests/logs/known").glob("*.yaml"))
    loaded = (load_yaml(path.read_text(), source=path.name) for path in files)
    return [str(one["text"]).encode() for log in loaded for one in convert({"logs": log["logs"]}, Known, source="x").logs]


TEXTS = known_texts()


@pytest.mark.parametrize(
    "before",
    [
        "",
        "    ",
        "\t",
        "2025-05-01T10:00:00.123456789Z ",
        "2025-05-01 10:00:00 ",
        "[2025-05-01 10:00:00,123] ",
        "2025-05-01T10:00:00.1234567Z ##[error]",
        "[   12.345678] ",
        "[Thu May  1 10:00:00 2025] ",
        "<3>[   12.345678] ",
        "kern  :err   : [   12.345678] ",
        "May 01 10:00:00 host python3[4711]: ",
        "2025-05-01T10:00:00+0900 host whisper.service[812]: ",
        "asr-1  | ",
        "asr-1    | 2025-05-01 10:00:00.123 | ERROR    | app.main:transcribe:41 - ",
        "asr | ERROR:    ",
        "[pod/asr-7d5f8-abcde/asr] ",
        "2025-05-01T10:00:00.123456789+09:00 stderr F ",
        "ERROR:root:",
        "ERROR:asr.worker:",
        "CRITICAL - ",
        "2025-05-01 10:00:00,123 - asr.worker - ERROR - ",
        "E0501 10:00:00.123456    4711 worker.go:129] ",
        "ERROR 05-01 10:00:00 [core.py:386] ",
        "(EngineCore_0 pid=4711) ",
        "[rank0]: ",
        "[1,2]<stderr>: ",
        "E       ",
        "E   ",
        "#12 34.56 ",
        " > [stage 3/5] RUN python test.py: ",
        "12.34 ",
        "  what():  ",
        "stderr: ",
        "./run.sh: line 3: 4711 ",
        "\x1b[31m",
        "\x1b[1m2025-05-01\x1b[0m \x1b[31mERROR\x1b[0m: ",
        "\x1b_bk;t=1700000000000\x07",
        '{"log":"',
        '{"level": "error", "msg": "',
        "level=error msg=",
        'time="2025-05-01T10:00:00Z" level=error msg="',
        "b'",
        "│ ",
        " 50%|#####     | 5/10 [00:05<00:05]\r",
        "✗ ",
        "Error: ",
        "Failed to load model: ",
        "17:00:01.123 [worker-1] ERROR c.e.Worker - ",
        "> ",
    ],
)
def test_a_message_is_found_behind_what_programs_put_before_it(before: str) -> None:
    (hit,) = (hit for hit in hits(f"line one\n{before}{FAULT}\n") if hit.issue.id == "rocblas-no-tensile")
    assert hit.line == hit.last == 2
    assert hit.groups == {"gfx": "gfx906"}
    assert "Cannot read" in hit.excerpt


@pytest.mark.parametrize(
    "before",
    [
        "If you see ",
        "the message `",
        'it printed "',
        "「",
        "# ",
        "// ",
        " * ",
        "- ",
        "+ ",
        'echo "',
        'grep "',
        "print('",
        'std::cerr << "',
        'throw std::runtime_error("',
        "src/a.cpp:12:    // ",
        "<li><code>",
        "E         - ",
        "In 6.4, ",
    ],
)
def test_it_is_not_where_it_is_only_mentioned(before: str) -> None:
    assert ids(f"{before}{FAULT}\n") == set()


@pytest.mark.parametrize(
    "before", ["", "E       ", "asr-1  | ", '{"log":"', "[rank0]: ", "asr: job failed with ", "ERROR:root:", "\t", "01:02:03 "]
)
def test_so_is_one_with_the_class_of_an_exception(before: str) -> None:
    assert "arch-not-compiled" in ids(f"{before}{TORCH}\n")


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("Exception: RuntimeError: HIP error", "HIP"),
        ("transcription failed with RuntimeError: HIP error", "HIP"),
        ("ImportError: /opt/venv/lib/libctranslate2.so.4: cannot", "libctranslate2"),
        ("[76914.152926] amdgpu 0000:1b:00.0: {1}[Hardware Error]", "[Hardware"),
        ("MIOpen Error: filesystem error: cannot", "filesystem"),
        ("future: <Task exception=RuntimeError('HIP error')>", "HIP"),
        ('celery: raised unexpected: RuntimeError("HIP error")', "HIP"),
    ],
)
def test_the_class_of_an_exception_and_a_folder_belong_to_the_message(line: str, start: str) -> None:
    assert said(line.encode(), line.index(start))


@pytest.mark.parametrize(
    "line",
    [
        "When `RuntimeError: HIP error` shows",
        "「RuntimeError: HIP error」と出ます",
        '    "RuntimeError: HIP error",',
        "I always get a RuntimeError: HIP error",
        "| `RuntimeError: HIP error` | reboot |",
        "Subject: Re: HIP error",
        'raise RuntimeError("x: HIP error")',
    ],
)
def test_but_a_class_that_is_quoted_quotes_the_message(line: str) -> None:
    assert not said(line.encode(), line.index("HIP"))


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=200))
def test_said_takes_any_bytes(line: bytes, start: int) -> None:
    assert said(line, min(start, len(line))) in {True, False}


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_cuts_do_not_matter(data: st.DataObject) -> None:
    text = b"".join(data.draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=6)))
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    chunks = [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]
    assert match(chunks) == match([text])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5), st.lists(st.binary(max_size=60), max_size=5))
def test_what_lies_around_does_not_hide_a_message(before: list[bytes], after: list[bytes]) -> None:
    text = b"\n".join([b"", *before, FAULT.encode(), *after])
    if text.startswith((b"\n\xff\xfe", b"\n\xfe\xff")) or any(b"{" in line for line in before):
        return
    (hit,) = (hit for hit in hits(text) if hit.issue.id == "rocblas-no-tensile")
    assert hit.line == text[: text.index(FAULT.encode())].count(b"\n") + 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3), st.binary(max_size=100))
def test_the_filter_misses_nothing_that_a_search_finds(texts: list[bytes], more: bytes) -> None:
    known = patterns()
    text = b"\n".join([*texts, more])
    present = set(known.present(text))
    assert present == {number for number in range(known.python + 1) if next(known.find(number, text), None)}


def test_lines_of_several_containers_may_lie_between() -> None:
    issue, signature = next((i, s) for i in issues() for s in i.signatures if len(s.lines) == 2 and s.within >= 4 and not s.requires)
    sample = load_yaml((ROOT / f"tests/logs/known/{issue.id}.yaml").read_text(), source=issue.id)
    (text,) = [str(one["text"]) for one in sample["logs"] if one["signature"] == signature.id][:1]
    lines = [line for line in text.splitlines() if line.strip()]
    mixed = "".join(f"asr-1  | {line}\n" + "web-1  | GET / 200\n" * (number == 0) for number, line in enumerate(lines))
    assert signature.id in {hit.signature.id for hit in hits(mixed) if hit.issue.id == issue.id}


@pytest.mark.parametrize("before", [0, 1, 40, 80, 120, 200, 400, 1000])
def test_a_signature_of_several_lines_may_begin_in_one_block_and_end_in_the_next(before: int) -> None:
    text = (
        b"hipErrorNoBinaryForGpu: Unable to find code object for all current devices!\n"
        b"  Devices:\n"
        b"    amdgcn-amd-amdhsa--gfx906:sramecc+:xnack- - [Not Found]\n"
    )
    data = b"x\n" * ((BLOCK_BYTES - before) // 2) + text
    (hit,) = (hit for hit in hits(data) if hit.signature.id == "not-among-code-objects")
    first = data.count(b"\n") - 2
    assert (hit.line, hit.last, hit.groups) == (first, first + 2, {"gfx": "gfx906"})


def test_a_json_string_holds_lines() -> None:
    text = (
        '{"log":"Traceback (most recent call last):\\n  File \\"a.py\\", line 1\\n' + TORCH + '\\nHIP kernel errors might be","time":"x"}\n'
    )
    assert "arch-not-compiled" in ids("x\n" + text)
    assert {hit.line for hit in hits("x\n" + text)} == {2}


def test_it_counts_no_further_than_enough() -> None:
    (hit,) = hits((FAULT + "\n") * (ENOUGH + 500))
    assert (hit.count, hit.line) == (ENOUGH, 1)


def test_excerpts_are_short_and_show_the_place() -> None:
    (hit,) = hits("x" * 5000 + ": " + FAULT + "y" * 5000 + "\n")
    assert hit.excerpt.startswith("… x")
    assert hit.excerpt.endswith(" …")
    assert "Cannot read" in hit.excerpt
    assert len(hit.excerpt) < 420


@pytest.mark.parametrize("before", range(0, 60, 7))
@pytest.mark.parametrize("after", [0, 300, 380])
def test_a_secret_is_hidden_before_an_excerpt_is_cut(before: int, after: int) -> None:
    secret = "Sesame" * 8
    line = f"{'x ' * 300} password={secret} {'y ' * (before // 2)}: {FAULT} {'z' * after} token={secret} {'x ' * 300}\n"
    (hit,) = match([line.encode()], hide=Names().hide_text).hits
    assert "Cannot read" in hit.excerpt
    assert "esam" not in hit.excerpt


@pytest.mark.parametrize("place", [0, 60_000, 65_400, 65_536, 1_048_400, 1_048_576, 3_000_000, 9_999_000])
def test_a_message_in_a_line_of_10_mb_is_found_wherever_it_is(place: int) -> None:
    line = b'{"x": "' + b"a" * place + b'", "msg": "' + FAULT.encode() + b'"'
    (hit,) = hits(b"one\n" + line + b"b" * (10_000_000 - place) + b"}\n")
    assert hit.line == 2
    assert match([b"one\n" + line + b"\n"]).lines == 2


def test_size_and_lines_are_those_of_the_log() -> None:
    text = "one\r\ntwo\n"
    for encoding, end in (("utf-8", ""), ("utf-16", "three")):
        data = (text + end).encode(encoding)
        log = match([data[:3], data[3:]])
        assert (log.size_bytes, log.lines) == (len(data), 2 + bool(end))


def test_progress_is_told() -> None:
    told: list[str] = []
    match([b"x\n" * (1 << 20)], told.append)
    assert told[-1] == "2 MiB of the log"


def test_the_python_of_the_first_folder_of_packages_is_known() -> None:
    assert match([b'File "/x/lib/python3.10/site-packages/a.py"\nFile "/y/lib/python3.12/site-packages/b.py"\n']).python == "3.10"


def half(pattern: str) -> bytes:
    """What a pattern begins with, as far as it is plain text, or its first alternatives."""
    plain = re.sub(r"\(\?P<\w+>|\(\?[a-z:]+|[()^$]|\\b", "", pattern).split("|")[0]
    return re.sub(r"\\(.)", r"\1", re.split(r"[\[{*+?]|\\[wdsS]|\.\*", plain)[0]).encode()[:200]


def test_beginnings_of_signatures_take_bounded_time() -> None:
    """Half a MB of what every pattern begins with, one after the other on one line, and line by line."""
    starts = sorted({start for issue in issues() for one in issue.signatures for line in one.lines if len(start := half(line)) > 5})
    assert len(starts) > 50
    everything = b" ".join(starts)
    data = everything * ((1 << 19) // len(everything) + 1)
    begin = time.process_time()
    match([data])
    match([data.replace(b" ", b"\n")])
    match([b"\n".join(start * (4096 // len(start)) for start in starts)])
    assert time.process_time() - begin < 60


@pytest.mark.parametrize(
    "text", [FAULT + " ", TORCH + ": ", "MIOpen Error: ", "amdgpu 0000:03:00.0: ", "(((((((", 'File "', "/" * 40, "\\n\\t{", "'" * 9]
)
def test_a_line_full_of_one_thing_takes_bounded_time(text: str) -> None:
    begin = time.process_time()
    match([text.encode() * ((1 << 20) // len(text))])
    assert time.process_time() - begin < 30


MEMORY = """
import sys
from rocmkit.logs.match import match
def peak():  # of this program alone: what getrusage says includes the one that started it
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) >> 10
line = sys.argv[1].encode()
block = line * ((1 << 16) // len(line) + 1)
match([line])
before = peak()
log = match(block for _ in range((100 << 20) // len(block)))
assert log.size_bytes > 99 << 20, log.size_bytes
print(peak() - before)
"""


@pytest.mark.parametrize("line", ["[1/9] /usr/bin/c++ -O3 -c src/gemm.cpp -o gemm.o\n", FAULT + "\n", "x", "50%\r"])
def test_memory_does_not_grow_with_the_log(line: str) -> None:
    ran = subprocess.run([sys.executable, "-c", MEMORY, line], capture_output=True, text=True, timeout=120, check=True)
    assert int(ran.stdout) < 100  # MiB, for a log of 100 MiB


def test_a_log_of_nothing() -> None:
    assert match([]) == match([b""]) == Log(lines=0, size_bytes=0, hits=(), held=(), contexts=(), trackers=(), python=None)
