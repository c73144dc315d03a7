"""Signs of a made-up text: real ones are found, and nothing that people say is taken for one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocmkit.smoke.clips import shipped
from rocmkit.smoke.guards import compression, guards, japanese, longest_run
from rocmkit.smoke.observed import Heard
from tests.support.heard import ENGLISH, GREEDY, KINDS, SEARCHED, SILENT, Said

CLIPS = shipped()
PLAIN = Heard(clip="a.wav")


def heard(said: Said) -> Heard:
    return Heard(
        clip="a.wav", text=said.text, logprob=said.logprob, no_speech=said.no_speech, language=said.language, language_p=said.language_p
    )


def test_right_texts_of_a_real_model_pass() -> None:
    for said in (GREEDY, SEARCHED):
        for one, clip in zip(said, CLIPS, strict=True):
            assert guards(one.text, clip.text, heard(one)) == ()
            assert guards(one.text, None, heard(one)) == ()


def test_kana_alone_pass() -> None:
    """A model that writes kana, against a reference in kanji: as spoken, and as whisper-base's texts are read."""
    for clip, one in zip(CLIPS, GREEDY, strict=True):
        assert guards(clip.kana or "", clip.text, PLAIN) == guards(one.kana, clip.text, PLAIN) == ()


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("はい", "はい。"),
        ("うん", "うん、うん。"),
        ("志", "こころざし"),
        ("こころざし", "志"),
        ("今日は1000000円と20202020円です", "今日は百万円と二千二十万二千二十円です"),
        ("すごーーーーーい人ですね", "すごい人ですね"),
        ("そうそうそうそう、それです", "そうそうそうそう、それです"),
        ("3時にGPUで", "三時にGPUで"),
        ("GPU test", "GPU test"),
        ("東京都知事選挙候補者一覧表", "東京都知事選挙候補者一覧表"),
        ("人工知能研究急速発展", "人工知能の研究は急速に発展"),
        ("おやすみなさい、また明日", "おやすみなさい、また明日。"),
        ("時々人々の山々を見る", "ときどき人々の山々を見る"),
    ],
)
def test_what_people_say_passes(text: str, reference: str) -> None:
    assert guards(text, reference, PLAIN) == ()


@pytest.mark.parametrize(
    "text",
    [
        "はいはいはいはい、わかりました",
        "うんうんうんうんうん",
        "最後にチャンネル登録の話もしましたが、それはまた今度にして、今日は天気の話をします",
    ],
)
def test_free_talk_that_nobody_wrote_down_passes(text: str) -> None:
    assert guards(text, None, PLAIN) == ()


def test_a_long_text_repeats_its_own_words() -> None:
    """As a whole it packs like a loop, a stretch of it does not; and a loop in it is found as if it stood alone."""
    text = "".join(clip.text or "" for clip in CLIPS) * 8
    assert len(text) > 1000 and compression(text) > 10
    assert guards(text, None, PLAIN) == ()
    assert guards(text + "お前は、" * 60 + text, None, PLAIN)


SAID = CLIPS[0].text or ""


@pytest.mark.parametrize(
    ("text", "found", "words"),
    [
        ("", PLAIN, "nothing was written"),
        ("。、…", PLAIN, "nothing was written"),
        ("こ", PLAIN, "the text has 1 characters where 17 were said"),
        (SAID * 3, PLAIN, "the text has 51 characters where 17 were said"),
        ("これはこれはこれはこれは日本語", PLAIN, "'これは' stands in the text 4 times in a row"),
        ("お前は、" * 20, PLAIN, "'お前は' stands in the text 20 times in a row"),
        ("日本語の音声認識の" * 9, PLAIN, "packed it is 6"),
        ("日本語のおんせええええにんしき", PLAIN, "'え' stands in the text 4 times in a row"),
        ("This is a test", PLAIN, "0% of the letters are Japanese"),
        ("это тест распознавания", PLAIN, "0% of the letters are Japanese"),
        ("이것은 일본어 테스트입니다", PLAIN, "0% of the letters are Japanese"),
        ("这是日语语音识别的一个测试", PLAIN, "there is no kana in it"),
        ("ご視聴ありがとうございました。", PLAIN, "is what models write where nobody speaks"),
        ("おやすみなさい", PLAIN, "is what models write where nobody speaks"),
        ("きょうはてんきがいいです", Heard(clip="a", logprob=-1.2), "not sure of its words"),
        ("きょうはてんきがいいです", Heard(clip="a", no_speech=0.72), "heard no speech"),
        ("きょうはてんきがいいです", Heard(clip="a", language="ja", language_p=0.4), "not sure of the language"),
        (SAID, Heard(clip="a", language="zh", language_p=0.99), "heard the language 'zh'"),
        (SAID, Heard(clip="a", spent=True), "limit of tokens"),
        (SAID, Heard(clip="a", finite=False), "NaN"),
        ("", Heard(clip="a", finite=False), "NaN"),
    ],
)
def test_each_guard(text: str, found: Heard, words: str) -> None:
    assert any(words in one for one in guards(text, SAID, found))


def test_what_the_model_doubts_does_not_count_where_the_text_is_right() -> None:
    doubts = Heard(clip="a", logprob=-1.2, no_speech=0.7, language="Japanese", language_p=0.5)
    assert guards(SAID, SAID, doubts) == ()
    assert len(guards(SAID, None, doubts)) == 3


def test_texts_of_silence_and_of_a_model_without_japanese_are_all_found() -> None:
    for one in (*SILENT, *ENGLISH):
        assert guards(one.text, SAID, heard(one)) and guards(one.text, None, heard(one)), one


def test_packing() -> None:
    """Of real texts: right ones far below the limit, loops far above."""
    assert max(compression(one.text) for one in (*GREEDY, *SEARCHED)) < 1.4
    assert min(compression(one.text) for one in SILENT if one.text) > 3.5


@given(st.text("あいうA1ー", max_size=40), st.text("あいうAー", min_size=1, max_size=6), st.integers(4, 30))
def test_a_run_is_found_wherever_it_stands(around: str, piece: str, times: int) -> None:
    found = longest_run(around + piece * times + around[::-1])
    if set(piece) <= {"ー"}:
        return
    assert found is not None and found.times >= 4 and found.piece * 4 in around + piece * times + around[::-1]
    if len(set(piece)) == len(piece) and not set(piece) & set(around):
        assert found == (piece, times)


@given(st.text(max_size=80))
def test_a_run_is_one(text: str) -> None:
    found = longest_run(text)
    assert found is None or (found.times >= 4 and found.piece * found.times in text)


@given(st.text(max_size=80), st.none() | st.text(max_size=80), st.booleans())
def test_any_text_is_judged(text: str, reference: str | None, finite: bool) -> None:
    found = guards(text, reference, Heard(clip="a", finite=finite))
    assert all(0 < len(one) < 300 for one in found) and (finite or found)
    assert 0.0 <= japanese(text) <= 1.0


@given(st.text("日本語あいうアイウ、。", max_size=30))
def test_a_text_that_is_its_reference_passes_unless_it_is_empty(text: str) -> None:
    found = guards(text, text, PLAIN)
    assert found in {(), ("nothing was written",)} or all("repeats itself" in one for one in found)


@pytest.mark.parametrize(
    "text", ["あ" * 600_000, "1" * 600_000, "0あ00い" * 120_000, "ーー" * 300_000, "あいうえおかきくけこさし" * 50_000]
)
def test_hostile_texts_take_seconds(text: str) -> None:
    begin = time.process_time()
    assert guards(text, SAID, PLAIN)
    assert time.process_time() - begin < 20


def test_there_are_texts_of_every_kind() -> None:
    assert {kind: len(said) for kind, said in KINDS.items()} == {"greedy": 7, "searched": 7, "reversed": 7, "english": 7, "silent": 5}
