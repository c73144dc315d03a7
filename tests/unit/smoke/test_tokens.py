"""tokens.txt and the text that comes of tokens, for any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.smoke.inside.tokens import BadTokens, Tokens, parse, piece_of, text_of, unspaced


def tokens(*pieces: str) -> Tokens:
    return parse("".join(f"{piece} {number}\n" for number, piece in enumerate(pieces)).encode())


def test_pieces_and_their_numbers() -> None:
    found = parse("\ufeff<blk> 0\r\n<unk> 2\n\u3000 3\n7\nあ 4\nい 4\n\n".encode())
    assert found == Tokens(pieces={0: "<blk>", 2: "<unk>", 3: "\u3000", 7: " ", 4: "あ"}, unknown=2, bytewise=False)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no tokens"),
        (b"a 0\nb c 1\n", "tokens.txt:2: not a piece"),
        (b"a x\n", ":1: not a piece"),
        (b"a -1\n", ":1: not a piece"),
        (b"a 12345678901\n", ":1: not a piece"),
        (b"\xff 0\n", ":1: not UTF-8"),
        ("あ ２\n".encode(), ":1: not a piece"),
    ],
)
def test_what_is_no_list_of_tokens(data: bytes, words: str) -> None:
    with pytest.raises(BadTokens, match=words):
        parse(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_tokens_or_refused(data: bytes) -> None:
    try:
        found = parse(data)
    except BadTokens:
        return
    assert found.pieces and all(isinstance(text_of(found, [number]), str) for number in found.pieces)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"], exclude_characters="<▁\ufeff"), min_size=1), min_size=1
    )
)
def test_pieces_are_put_together(pieces: list[str]) -> None:
    found = tokens("<blk>", *pieces, "ん")
    assert [piece_of(found, number) for number in range(1, len(pieces) + 1)] == pieces
    if not found.bytewise:
        assert text_of(found, range(1, len(pieces) + 1)) == unspaced("".join(pieces))


def test_blanks() -> None:
    found = tokens("<blk>", "▁the", "▁", "日", "▁本", "。", "x", "▁ok")
    assert piece_of(found, 1) == " the"
    assert text_of(found, [1, 7]) == "the ok"
    assert text_of(found, [3, 4, 2, 3]) == "日本日"  # none between kanji
    assert text_of(found, [6, 2, 5]) == "x。"  # nor before punctuation
    assert text_of(found, [6, 4, 6, 1]) == "x 本x the"
    assert text_of(found, []) == ""


@given(st.text("日本 a。", max_size=12))
def test_no_letter_is_lost_with_the_blanks(text: str) -> None:
    found = unspaced(text)
    assert found.replace(" ", "") == text.replace(" ", "")
    if "  " not in text:  # of two, one is left, as sherpa-onnx leaves it
        assert "日 本" not in found and " 。" not in found[1:]


def test_a_piece_for_a_byte() -> None:
    found = tokens("<blk>", *(f"<0x{byte:02X}>" for byte in range(256)))
    assert text_of(found, [1 + byte for byte in "猫 é".encode()]) == "猫 é"
    assert text_of(found, [1 + 0xE7, 1 + 0x8C]) == "\ufffd"


#: The first and last letters of each run in k2-fsa/icefall icefall/byte_utils.py, and their bytes.
LETTERS = {"Ā": 0, "ğ": 31, "Ġ": 127, "ı": 144, "Ĵ": 145, "ľ": 155, "Ł": 156, "ň": 163, "Ŋ": 164, "ž": 216, "ƀ": 217, "Ʀ": 255}


def test_letters_for_bytes() -> None:
    found = tokens("<blk>", "▁", "ƀ", "A", "z", *LETTERS)
    assert found.bytewise
    by_letter = {piece: number for number, piece in found.pieces.items()}
    for letter, byte in LETTERS.items():
        sandwiched = text_of(found, [by_letter["A"], by_letter[letter], by_letter["z"]])
        assert sandwiched == b"A%cz".replace(b"%c", bytes([byte])).decode(errors="replace")


def test_a_text_of_letters_for_bytes() -> None:
    """U+65E5, whose bytes are E6 97 A5; a blank stands between words only."""
    found = tokens("<blk>", "▁ƍ", "ĺ", "ŋ", "▁a", "ƀ")
    assert text_of(found, [1, 2, 3]) == "日"
    assert text_of(found, [4, 4]) == "a a"
    assert not tokens("<blk>", "ƀ", "日").bytewise
    assert not tokens("<blk>", "a").bytewise
