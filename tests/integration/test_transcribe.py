"""The k2 transducer by `rocmkit transcribe`, on the processor, against sherpa-onnx on the same files: the same tokens at the same times.

The model is small and built by the tests, of the operators of the real one. That the real one's weights make sense of speech is not tried
here, nor anything on a GPU.

Marked `network`: pip brings onnxruntime, kaldi-native-fbank and sherpa-onnx.
"""

from __future__ import annotations

import shutil
import struct
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from rocmkit.errors import Exit
from tests.support.command import rocmkit, script
from tests.support.registry import Environment, run
from tests.support.transcribing import SPEECH, WHEELS, Place, heard, last_s, raw_wav, said, samples_of, wav

pytestmark = WHEELS

#: Tables to pad to: not at all, to what divides evenly and what does not, and to much more than there is.
TABLES = ((), (807,), (653, 700), (1415,), (2215,))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("transcribe"))


@pytest.fixture(scope="module")
def speech(place: Place, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files, where no test could change them."""
    folder = tmp_path_factory.mktemp("speech")
    return [Path(shutil.copy(one, folder)) for one in SPEECH]


def test_the_same_tokens_as_sherpa(place: Place, speech: list[Path]) -> None:
    ran = place.command(*speech, "--provider", "cpu", "--json")
    assert ran.code == 0, ran.err
    oracle = place.sherpa(*speech)
    files = ran.json["files"]
    assert [Path(one["file"]) for one in files] == speech
    for one in files:
        told = oracle[Path(one["file"])]
        tokens = [(token["text"], round(token["at_s"], 3)) for token in one["tokens"]]
        assert tokens == said(told, one["audio_s"])
        assert len(tokens) >= 20
        assert len({text for text, _ in tokens}) >= 8
        assert told.text.startswith(one["text"]) and len(told.text) - len(one["text"]) <= 2
        assert one["rtf"] == pytest.approx(one["transcribe_s"] / one["audio_s"], abs=1e-3)
        assert one["pieces"][0]["frames"] < one["pieces"][0]["padded"] == 807
    assert ran.json["parts"] == dict.fromkeys(("encoder", "decoder", "joiner"), "CPUExecutionProvider")
    assert ran.json["versions"].keys() == {"python", "numpy", "onnxruntime", "kaldi_native_fbank"}


@pytest.mark.parametrize("table", TABLES)
def test_padding_changes_no_token(place: Place, speech: list[Path], table: tuple[int, ...]) -> None:
    oracle = place.sherpa(*speech)
    found = place.transcribed(*speech, buckets=table)
    assert found.exit == 0, found.because
    for one in found.files:
        padded = any(piece.padded > piece.frames for piece in one.pieces)
        assert padded is bool(table)
        assert heard(one) == said(oracle[Path(one.file)], one.audio_s or 0, padded=padded)
        assert all(piece.padded == (min((size for size in table if size >= piece.frames), default=piece.frames)) for piece in one.pieces)


def test_a_model_that_does_not_mask_is_changed_by_padding(place: Place, speech: list[Path]) -> None:
    """So that the test above could fail."""
    exact, padded = (place.transcribed(speech[0], model=place.heedless, buckets=table) for table in ((), (1415,)))
    assert heard(exact.files[0]) == heard(place.transcribed(speech[0], buckets=()).files[0])
    assert heard(exact.files[0]) != heard(padded.files[0])


def test_other_rates_and_kinds_of_samples(place: Place, speech: list[Path], tmp_path: Path) -> None:
    samples, _ = samples_of(speech[2])
    twice = [sample for sample in samples for _ in (0, 1)]
    at_8, at_48 = wav(tmp_path / "8.wav", samples[::3], 8000), wav(tmp_path / "48.wav", twice, 48000)
    at_44 = wav(tmp_path / "44.wav", samples, 44100)  # too fast, and as long as that makes it
    oracle = place.sherpa(at_8, at_48, at_44)
    floats = struct.pack(f"<{len(samples)}f", *(sample / 32768 for sample in samples))
    both = struct.pack(f"<{2 * len(samples)}h", *twice)
    wide = b"".join(struct.pack("<i", sample << 8)[:3] for sample in samples)
    same = [
        raw_wav(tmp_path / "float.wav", floats, kind=3, bits=32, channels=1, rate=24000),
        raw_wav(tmp_path / "stereo.wav", both, kind=1, bits=16, channels=2, rate=24000),
        raw_wav(tmp_path / "24.wav", wide, kind=1, bits=24, channels=1, rate=24000),
        raw_wav(tmp_path / "piped.wav", speech[2].read_bytes()[44:], kind=1, bits=16, channels=1, rate=24000, size=0xFFFFFFFF),
    ]
    found = place.transcribed(*oracle, *same, speech[2])
    for one in found.files[:3]:
        assert heard(one) == said(oracle[Path(one.file)], one.audio_s or 0)
    assert "8000 Hz" in found.files[0].warnings[0]
    assert not any(one.warnings for one in found.files[1:])
    assert {tuple(heard(one)) for one in found.files[3:]} == {tuple(heard(found.files[-1]))}


def test_long_sound_is_cut_where_it_is_quiet(place: Place, speech: list[Path], tmp_path: Path) -> None:
    samples, rate = [], 24000
    for one in speech * 3:
        samples += samples_of(one)[0]
    found = place.transcribed(wav(tmp_path / "long.wav", samples, rate)).files[0]
    assert len(found.pieces) == 3
    assert "cut into 3 pieces" in found.warnings[0]
    parts = []
    for number, piece in enumerate(found.pieces):
        begin, end = round(piece.begin_s * rate), round(piece.end_s * rate)
        if piece is not found.pieces[-1]:
            assert 25 <= piece.end_s - piece.begin_s <= 35
            assert max(map(abs, samples[end - rate // 20 : end + rate // 20])) < max(map(abs, samples)) / 20
        parts.append(wav(tmp_path / f"{number}.wav", samples[begin:end], rate))
    oracle = place.sherpa(*parts)
    expected = [
        (token, at_s + piece.begin_s)
        for piece, part in zip(found.pieces, parts, strict=True)
        for token, at_s in said(oracle[part], piece.end_s - piece.begin_s)
    ]
    got = heard(found)
    # A piece of ours begins at a sample of 16 kHz, and sherpa's at one of the file's: that may tip a close decision.
    assert len(got) > 300
    assert SequenceMatcher(None, [token for token, _ in got], [token for token, _ in expected], autojunk=False).ratio() > 0.98
    assert abs(got[-1][1] - expected[-1][1]) < 0.05


def test_each_file_gets_its_turn(place: Place, speech: list[Path], tmp_path: Path) -> None:
    broken, empty, one = tmp_path / "broken.wav", tmp_path / "empty.wav", tmp_path / "one.wav"
    broken.write_bytes(speech[0].read_bytes()[:36])
    files = [broken, wav(empty, [], 16000), wav(one, [1000], 16000), wav(tmp_path / "zeros.wav", [0] * 16000, 16000), speech[0]]
    (tmp_path / "not.mp3").write_text("no sound")
    ran = place.command(*files, tmp_path / "not.mp3", "--provider", "cpu", "--json", env={"PATH": "/nonexistent"})
    assert ran.code == 1
    outcomes = [one["outcome"] for one in ran.json["files"]]
    assert outcomes == ["failed", "transcribed", "transcribed", "transcribed", "transcribed", "failed"]
    assert "cut off" in ran.json["files"][0]["because"]
    assert ran.json["files"][1]["warnings"] == ["there is no sound in it"]
    assert ran.json["files"][3]["warnings"][0] == "it is silent throughout"
    assert len(ran.json["files"][4]["tokens"]) >= 20
    assert "no ffmpeg is on PATH" in ran.json["files"][5]["because"]
    assert ran.json["because"] == "2 of 6 files could not be transcribed"


def test_ffmpeg_is_asked_plainly(place: Place, speech: list[Path], tmp_path: Path) -> None:
    """A name that looks like an option or an address stays a name."""
    samples, rate = samples_of(speech[0])
    flat = struct.pack(f"<{len(samples[::3]) * 2}f", *(sample / 32768 for sample in samples[::3] for _ in (0, 1)))
    (tmp_path / "out.raw").write_bytes(flat)
    text = f'for word; do echo "$word"; done > "{tmp_path}/asked"\nexec cat "{tmp_path}/out.raw"\n'
    path = f"{script(tmp_path / 'bin', 'ffmpeg', text).parent}:/usr/bin:/bin"
    odd = tmp_path / "-i http:talk; x.mp3"
    odd.write_bytes(b"ID3")
    ran = place.command(odd, "--provider", "cpu", "--json", env={"PATH": path})
    assert ran.code == 0, ran.err
    assert ran.json["files"][0]["audio_s"] == pytest.approx(len(samples) / rate, abs=0.01)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[asked.index("-i") + 1] == f"file:{odd}"
    assert asked[asked.index("-protocol_whitelist") + 1] == "file,pipe"
    formats = asked[asked.index("-format_whitelist") + 1].split(",")
    assert "mp3" in formats and not {"hls", "concat", "dash", "image2", "imf", "sdp", "rtsp", "lavfi", "nut", "data"} & set(formats)
    script(tmp_path / "bin", "ffmpeg", "echo 'Invalid data found' >&2\nexit 183\n")
    ran = place.command(odd, "--provider", "cpu", "--json", env={"PATH": path})
    assert (ran.code, ran.json["files"][0]["because"]) == (1, "ffmpeg could not read it: Invalid data found")
    script(tmp_path / "bin", "ffmpeg", "echo \"Format not on whitelist 'mp3'\" >&2\nexit 234\n")
    assert "names other files" in place.command(odd, "--provider", "cpu", "--json", env={"PATH": path}).json["files"][0]["because"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_auto_on_the_processor_says_so(place: Place, speech: list[Path], tmp_path: Path, form: str) -> None:
    ran = place.command(speech[0], *(["--json"] if form == "json" else []), "-o", tmp_path / "out")
    assert ran.code == 8
    if form == "json":
        assert ran.out == ran.err == ""
    else:
        assert len((tmp_path / "out").read_text().splitlines()) == 1
        assert "this ran on the processor, not on the GPU: this onnxruntime was built without ROCMExecutionProvider" in ran.err


def test_asked_for_the_gpu_it_never_runs_on_the_processor(place: Place, speech: list[Path]) -> None:
    for provider, recipe in (("rocm", "onnxruntime"), ("migraphx", "onnxruntime-migraphx")):
        ran = place.command(speech[0], "--provider", provider)
        assert (ran.code, ran.out) == (1, "")
        assert "was built without" in ran.err and f"rocmkit build {recipe} --arch" in ran.err


def test_a_python_without_the_packages(speech: list[Path], place: Place, tmp_path: Path) -> None:
    bare = Environment(tmp_path / "bare")
    ran = rocmkit("transcribe", str(speech[0]), "--model", str(place.model), "--python", str(bare.python))
    assert (ran.code, ran.out) == (Exit.INCONCLUSIVE, "")
    assert "No module named 'numpy'" in ran.err and "pip install numpy kaldi-native-fbank" in ran.err


def _changed(place: Place, folder: Path, program: str) -> Path:
    """The model after a program was let loose on it, which gets `part(name)` to read and `write(model, name)`."""
    shutil.copytree(place.model, folder)
    begin = "import sys, onnx\nfolder = sys.argv[1]\ndef path(name): return f'{folder}/{name}-epoch-99-avg-1.onnx'\n"
    begin += "def part(name): return onnx.load(path(name))\ndef write(model, name): onnx.save(model, path(name))\n"
    done = run(place.python, "-I", "-c", begin + program, folder)
    assert done.returncode == 0, done.stderr
    return folder


FAULTS = {
    "m = part('decoder'); del m.metadata_props[:]; write(m, 'decoder')": "the decoder's metadata lacks vocab_size",
    "m = part('decoder'); m.metadata_props[0].value = 'two'; write(m, 'decoder')": "context_size='two', which is no number",
    "d = open(path('encoder'), 'rb').read(); open(path('encoder'), 'wb').write(d[:200000])": "encoder-epoch-99-avg-1.onnx is no whole",
    "open(path('joiner'), 'w').write('version https://git-lfs.github.com/spec/v1')": "joiner-epoch-99-avg-1.onnx is no whole ONNX",
    "m = part('joiner'); write(m, 'encoder')": "the encoder has 2 inputs and 1 outputs, not 2 and 2",
    "rows = open(folder + '/tokens.txt').readlines(); open(folder + '/tokens.txt', 'w').writelines(rows[:90])": "do not belong together",
}


@pytest.mark.parametrize("program", FAULTS, ids=lambda program: program.partition(";")[0][:24])
def test_a_broken_model_is_told(place: Place, speech: list[Path], tmp_path: Path, program: str) -> None:
    ran = place.command(speech[0], "--provider", "cpu", model=_changed(place, tmp_path / "model", program))
    assert (ran.code, ran.out) == (1, "")
    assert FAULTS[program] in ran.err


def test_an_encoder_of_one_length(place: Place, speech: list[Path], tmp_path: Path) -> None:
    """As `rocmkit rewrite --fix x=1,807,80` makes it: what is longer than fits is cut."""
    program = "m = part('encoder')\nd = m.graph.input[0].type.tensor_type.shape.dim[1]\nd.dim_value = {}\nwrite(m, 'encoder')"
    fixed = _changed(place, tmp_path / "fixed", program.format(807))
    long = wav(tmp_path / "long.wav", samples_of(speech[0])[0] * 4, 24000)
    short, cut = place.transcribed(speech[3], long, model=fixed).files
    assert heard(short) == heard(place.transcribed(speech[3]).files[0])
    assert len(cut.pieces) > 1 and {piece.padded for piece in cut.pieces} == {807}
    assert all(piece.frames <= 807 for piece in cut.pieces) and len(heard(cut)) > 60
    tiny = place.command(speech[0], "--provider", "cpu", model=_changed(place, tmp_path / "tiny", program.format(200)))
    assert tiny.code == 1 and "the encoder takes 200 frames and no other number" in tiny.err


def test_numbers_that_are_none_are_no_transcript(place: Place, speech: list[Path], tmp_path: Path) -> None:
    program = "import numpy\nfrom onnx import numpy_helper as h\nm = part('{}')\nw = m.graph.initializer[-1]\n"
    program += "w.CopyFrom(h.from_array(h.to_array(w) * numpy.float32('nan'), w.name))\nwrite(m, '{}')"
    for part in ("encoder", "joiner"):
        folder = _changed(place, tmp_path / part, program.format(part, part))
        ran = place.command(speech[0], "--provider", "cpu", "--json", model=folder)
        assert ran.code == 1
        assert (ran.json["files"][0]["text"], ran.json["files"][0]["because"]) == (None, f"WrongNumbers: the {part} gave NaN or infinity")


def test_without_the_kind_in_its_metadata_it_is_transcribed_and_told(place: Place, speech: list[Path], tmp_path: Path) -> None:
    folder = _changed(place, tmp_path / "model", "m = part('encoder'); del m.metadata_props[:]; write(m, 'encoder')")
    found = place.transcribed(speech[0], model=folder)
    assert heard(found.files[0]) == heard(place.transcribed(speech[0]).files[0])
    assert "lacks model_type" in found.warnings[0]


#: In front of the real module: dies the third time that features are asked for.
DIES = """
import importlib, os, signal, sys
sys.path.remove(os.path.dirname(__file__))
del sys.modules[__name__]
real = importlib.import_module("kaldi_native_fbank")
made = []
class Dying:
    def __getattr__(self, name):
        if name == "FbankOptions":
            made.append(name)
            if len(made) == 3:
                os.kill(os.getpid(), signal.SIGSEGV)
        return getattr(real, name)
sys.modules[__name__] = Dying()
"""


def test_a_process_that_dies_keeps_what_it_had(place: Place, speech: list[Path], tmp_path: Path) -> None:
    (tmp_path / "kaldi_native_fbank.py").write_text(DIES)
    ran = place.command(*speech[:4], "--provider", "cpu", "--json", env={"PYTHONPATH": str(tmp_path)})
    assert ran.code == 1
    assert [one["outcome"] for one in ran.json["files"]] == ["transcribed", "transcribed", "failed", "not-reached"]
    assert "SIGSEGV" in ran.json["files"][2]["because"]
    assert ran.json["trial"]["signal"] == "SIGSEGV"
    assert len(ran.json["files"][1]["tokens"]) >= 20


def test_one_that_hangs_is_ended(place: Place, speech: list[Path], tmp_path: Path) -> None:
    (tmp_path / "kaldi_native_fbank.py").write_text(DIES.replace("os.kill(os.getpid(), signal.SIGSEGV)", "__import__('time').sleep(600)"))
    ran = place.command(*speech[:3], "--provider", "cpu", "--timeout", "10", env={"PYTHONPATH": str(tmp_path)})
    assert ran.code == 1
    assert len(ran.out.splitlines()) == 2
    assert "no end within 10 s" in ran.err


def test_the_last_frames_are_silence_of_ours() -> None:
    """What is not compared with sherpa-onnx is no speech."""
    assert all(seconds < last_s(seconds) < seconds + 0.9 for seconds in (0.5, 2.83, 4.6, 59.9))
