"""Bytes to clean rows: any cut into chunks, any encoding, right line numbers."""

from __future__ import annotations

import codecs
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rocmkit.kb.issues import words
from rocmkit.logs.text import BLOCK_BYTES, REPEATED, ROW_BYTES, Block, blocks

PIECES = st.lists(
    st.sampled_from(
        [
            b"HIP error",
            b"\n",
            b"\r\n",
            b"\r",
            b"\x1b[31m",
            b"\x1b]0;t\x07",
            b"\x00",
            "許可".encode(),
            "許可".encode("euc_jp"),
            b"\xff",
            b'{"a":"b\\n',
            b" ",
        ]
    ),
    max_size=40,
).map(b"".join)


def text(data: bytes) -> bytes:
    return b"".join(block.text for block in blocks([data]))


def rows(found: list[Block]) -> Iterator[tuple[int, bytes]]:
    """Each row with its line's number, by counting from the block's start."""
    for block in found:
        place = 0
        for row, line in enumerate(block.text.split(b"\n")[:-1]):
            assert block.row_at(place) == (place, place + len(line))
            yield block.line_of(place, row), line
            place += len(line) + 1


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(marks)]


@given(PIECES, st.lists(st.integers(min_value=0), max_size=8))
def test_cuts_do_not_matter(data: bytes, places: list[int]) -> None:
    assert list(blocks(cut(data, places))) == list(blocks([data]))


@settings(max_examples=5, deadline=None)
@given(PIECES.filter(len), st.lists(st.integers(min_value=0), max_size=8))
def test_nor_do_they_in_a_log_of_several_blocks(piece: bytes, places: list[int]) -> None:
    data = piece * (2 * BLOCK_BYTES // len(piece) + 1)
    whole = list(blocks([data]))
    assert len(whole) > 1
    assert list(blocks(cut(data, places))) == whole
    assert list(blocks(data[begin : begin + 4099] for begin in range(0, len(data), 4099))) == whole


@given(PIECES.filter(lambda data: b"{" not in data))
def test_lines_are_counted_like_line_feeds(data: bytes) -> None:
    found = list(rows(list(blocks([data]))))
    assert found == [] if not data else found[-1][0] == data.count(b"\n") + (not data.replace(b"\x00", b"").endswith(b"\n"))
    numbers = [number for number, _ in found]
    assert numbers == sorted(numbers)
    assert all(b"\r" not in line and b"\x00" not in line for _, line in found)
    assert sum(block.last - block.first + 1 for block in blocks([data])) == (found[-1][0] if found else 0)


@given(st.binary(max_size=400))
def test_any_bytes_become_utf8(data: bytes) -> None:
    text(data).decode()


@given(
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\x00\x1b{\ufeff"), min_size=1),
    st.sampled_from(["utf-16-le", "utf-16-be"]),
)
def test_utf16_of_powershell_is_read(written: str, encoding: str) -> None:
    mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else codecs.BOM_UTF16_BE
    plain = text(written.encode())
    assert text(mark + written.encode(encoding)) == plain
    assert list(blocks(cut(mark + written.encode(encoding), [1, 2, 3, 6]))) == list(blocks([written.encode()]))


@pytest.mark.parametrize("encoding", ["utf-8", "euc_jp", "cp932", "utf-16"])
def test_words_of_japanese_tools_become_english(encoding: str) -> None:
    said = (
        "ls: '/dev/kfd' にアクセスできません: 許可がありません\n"
        "a.cpp:1:10: 致命的エラー: hip.h: そのようなファイルやディレクトリはありません\n"
        "コンパイルを停止しました。\n"
    )
    assert text(said.encode(encoding)).decode().splitlines() == [
        "ls: cannot access '/dev/kfd': Permission denied",
        "a.cpp:1:10: fatal error: hip.h: No such file or directory",
        "compilation terminated.",
    ]


@pytest.mark.parametrize(
    ("japanese", "english"),
    [
        ("/usr/bin/ld: a.o: `f(int, char*)' に対する定義されていない参照です", "/usr/bin/ld: a.o: undefined reference to `f(int, char*)'"),
        (
            "/usr/bin/ld: -lhipblas が見つかりません: そのようなファイルやディレクトリはありません",
            "/usr/bin/ld: cannot find -lhipblas: No such file or directory",
        ),
        ("make: *** [Makefile:3: all] エラー 1", "make: *** [Makefile:3: all] Error 1"),
        ("make: *** ターゲット 'x' を make するルールがありません.  中止.", "make: *** No rule to make target 'x'.  Stop."),
        ("E: パッケージ rocm-dev が見つかりません", "E: Unable to locate package rocm-dev"),
        ("bash: rocminfo: コマンドが見つかりません", "bash: rocminfo: command not found"),
        (
            "./a.sh: 3 行: 4711 中止                  (コアダンプ) python3",
            "./a.sh: 3 行: 4711 Aborted                  (core dumped) python3",
        ),
        ("Segmentation fault (コアダンプ)", "Segmentation fault (core dumped)"),
        (
            "python3: error while loading shared libraries: libamdhip64.so.6: 共有オブジェクトファイルを開けません: "
            "そのようなファイルやディレクトリはありません",
            "python3: error while loading shared libraries: libamdhip64.so.6: cannot open shared object file: No such file or directory",
        ),
    ],
)
def test_a_japanese_line(japanese: str, english: str) -> None:
    assert text(japanese.encode()).decode() == english + "\n"


@pytest.mark.parametrize("japanese", sorted(words()))
def test_no_word_breaks_another(japanese: str) -> None:
    said = japanese.replace("{}", "name")
    assert text(f"x: {said}\n".encode()).decode() == f"x: {words()[japanese].replace('{}', 'name')}\n"


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"\x1b[1;31mred\x1b[0m \x1b(Bplain\x1b[m\n", [b"red plain"]),
        (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\ end\n", [b"link end"]),
        (b"\x1b_bk;t=1700000000000\x07step\n", [b"step"]),
        (b"50%\r100%\r\ndone\r\n", [b"50%", b"100%", b"done"]),
        (b'{"log":"a\\tb\\n","stream":"stderr"}\n', [b'{"log":"a\tb', b'","stream":"stderr"}']),
        (b'{"msg":"\\u001b[31m\\u8a31\\u53ef\\u304c\\u3042\\u308a\\u307e\\u305b\\u3093\\u001b[0m"}\n', [b'{"msg":"Permission denied"}']),
        (b"C:\\new\\table\n", [b"C:\\new\\table"]),
        (b"cut \x1b[3", [b"cut \x1b[3"]),
        (b"caf\xe9 na\xefve\n", ["caf\ufffd na\ufffdve".encode()]),
        (codecs.BOM_UTF8 + b"x\n", [b"x"]),
        ("UTF-16 without a mark\n".encode("utf-16-le"), [b"UTF-16 without a mark"]),
    ],
)
def test_what_terminals_and_containers_add_goes(data: bytes, lines: list[bytes]) -> None:
    assert text(data).split(b"\n")[:-1] == lines


def test_a_long_line_goes_on_in_rows_that_overlap() -> None:
    line = b" ".join(b"%07d" % number for number in range(500_000))
    found = list(rows(list(blocks([b"first\n" + line + b"\nlast\n"]))))
    assert [found[0], found[-1]] == [(1, b"first"), (3, b"last")]
    middle = found[1:-1]
    assert {number for number, _ in middle} == {2}
    assert all(len(row) <= ROW_BYTES + REPEATED for _, row in middle)
    for number in range(500_000):
        assert line[8 * number : 8 * number + 7] == b"%07d" % number
    seen = {word for _, row in middle for word in row.removeprefix("… ".encode()).split(b" ")}
    assert {b"%07d" % number for number in range(500_000)} <= seen
    assert all(not row.startswith(b"0") for _, row in middle[1:])


def test_a_long_japanese_line_is_cut_between_characters() -> None:
    line = ("許可x" * 700_000).encode()
    assert "\ufffd".encode() not in text(b"a" + line)
    assert len(list(blocks([line]))) == len(line) // (BLOCK_BYTES - REPEATED) + 1


@pytest.mark.parametrize("length", [BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
def test_lines_as_long_as_a_block_are_counted_once(length: int, end: bytes) -> None:
    data = b"x" * (length - len(end)) + end
    assert list(blocks([data]))[-1].last == 1
    assert list(blocks([data + b"\nend" if not end.endswith(b"\n") else data + b"end"]))[-1].last == 2


@pytest.mark.parametrize("data", [b"\r" * 300_000 + b".\n", b'{"a":"' + b"\\n" * 300_000 + b'"}\n', b"\r\r." * 300_000])
def test_runs_of_carriage_returns_are_read_once(data: bytes) -> None:
    started = time.perf_counter()
    text(data)
    assert time.perf_counter() - started < 5  # quadratic: more than half a minute
