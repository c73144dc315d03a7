"""A small zipformer transducer, built operator by operator as icefall's export writes the large one, with weights from a seed.

It says nothing that makes sense, but it listens: what it writes depends on the sound, on its true length, and on what it wrote before.
It is made to speak by the sound itself: `calibrated` looks at what its encoder gives for real speech, scales that, and lets the blank
win in most frames. Runs with numpy and onnx. `python zipformer.py FOLDER SPEECH.wav…` calibrates too, which takes onnxruntime and
kaldi-native-fbank, and writes FOLDER/model, and FOLDER/heedless, which does not mask what is padded.
"""

from __future__ import annotations

import importlib
import sys
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = Any
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL

#: <blk>, <sos/eos> and <unk> as icefall's char vocabularies begin, a word's beginning, a Latin letter, punctuation and Japanese.
CHARACTERS = (
    "▁Aー、。あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをんがぎぐげごでどばびぶ"
    "アイウエオカキクケコ日本語音声認識今天気東京駅新幹線人工知能研究明午後会議室猫窓静眠"
)
TOKENS = ("<blk>", "<sos/eos>", "<unk>", *CHARACTERS)
WIDTH, HEADS, KEY, PLACE, VALUE, JOINER, CONTEXT = 32, 4, 8, 4, 6, 48, 2
STACKS = (1, 2, 4, 2)  # what each downsamples by
FURTHEST = 4096  # frames of the encoder's that relative places are known for
OPSET = 13
SEED = 20
#: The share of frames in which something is said.
SPOKEN = 0.4


class Graph:
    """Nodes in order, with a name for everything."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.random = np.random.default_rng(seed)
        self._constants: dict[tuple[Any, ...], str] = {}
        self._count = 0

    def name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def __call__(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        out = [self.name(op) for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), out, name=f"/encoder/{out[0]}", **attributes))
        return out[0]

    def weight(self, value: Array, name: str = "weight") -> str:
        name = self.name(name)
        self.weights.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def ints(self, *values: int) -> str:
        key = ("i", *values)
        if key not in self._constants:
            self._constants[key] = self.weight(np.array(values, np.int64), "ints")
        return self._constants[key]

    def whole(self, value: int) -> str:
        key = ("s", value)
        if key not in self._constants:
            self._constants[key] = self.weight(np.array(value, np.int64), "int")
        return self._constants[key]

    def real(self, value: float) -> str:
        key = ("f", value)
        if key not in self._constants:
            self._constants[key] = self.weight(np.array(value, np.float32), "float")
        return self._constants[key]

    def drawn(self, *shape: int, scale: float) -> str:
        return self.weight((self.random.standard_normal(shape) * scale).astype(np.float32))

    def linear(self, x: str, taken: int, given: int, *, bias: bool = True, scale: float = 1.0) -> str:
        y = self("MatMul", x, self.drawn(taken, given, scale=scale / taken**0.5))
        return self("Add", y, self.drawn(given, scale=0.1)) if bias else y

    def size(self, x: str, axis: int) -> str:
        return self("Gather", self("Shape", x), self.whole(axis), axis=0)

    def shape(self, *sizes: str | int) -> str:
        """A shape of computed sizes and known ones."""
        parts = [self.ints(one) if isinstance(one, int) else self("Unsqueeze", one, self.ints(0)) for one in sizes]
        return self("Concat", *parts, axis=0)

    def expand(self, x: str, shape: str, axes: int) -> str:
        """Expand as torch exports it: a size of -1 in the shape would mean that it stays."""
        ones = self("ConstantOfShape", self.ints(axes), value=helper.make_tensor("value", INT64, [1], [1]))
        kept = self("Equal", shape, self("Mul", ones, self.whole(-1)))
        return self("Expand", x, self("Where", kept, ones, shape))

    def swoosh(self, x: str, shift: float, off: float) -> str:
        """log(1 + exp(x - shift)) - 0.08 x - off, in the way that does not overflow."""
        zero, moved = self.real(0.0), self("Sub", x, self.real(shift))
        most = self("Max", zero, moved)
        apart = self("Abs", self("Sub", zero, moved))
        log = self("Add", most, self("Log", self("Add", self("Exp", self("Neg", apart)), self.real(1.0))))
        return self("Sub", self("Sub", log, self("Mul", x, self.real(0.08))), self.real(off))

    def swoosh_r(self, x: str) -> str:
        return self.swoosh(x, 1.0, 0.313261687)

    def swoosh_l(self, x: str) -> str:
        return self.swoosh(x, 4.0, 0.035)

    def model(self, inputs: Sequence[Any], outputs: Sequence[Any], renamed: dict[str, str], told: dict[str, str]) -> Any:
        """The model; `renamed`: what results are called outside."""
        for inside, outside in renamed.items():
            self.nodes.append(helper.make_node("Identity", [inside], [outside], name=f"/{outside}"))
        graph = helper.make_graph(self.nodes, "main_graph", list(inputs), list(outputs), initializer=self.weights)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=7, producer_name="pytorch")
        helper.set_model_props(made, told)
        onnx.checker.check_model(made)
        return made


def embedded(g: Graph, x: str) -> str:
    """Four times fewer frames: half of that here, as icefall's Conv2dSubsampling. T frames become (T - 7) // 2."""
    y = g("Unsqueeze", x, g.ints(1))
    for taken, given, strides, pads in ((1, 4, (1, 1), (0, 1, 0, 1)), (4, 6, (2, 2), (0,) * 4), (6, 8, (1, 2), (0,) * 4)):
        kernel = g.drawn(given, taken, 3, 3, scale=1 / (9 * taken) ** 0.5)
        y = g("Conv", y, kernel, g.drawn(given, scale=0.1), kernel_shape=[3, 3], strides=list(strides), pads=list(pads))
        y = g.swoosh_r(y)
    deep = g("Conv", y, g.drawn(8, 1, 7, 7, scale=1 / 7), kernel_shape=[7, 7], pads=[3] * 4, group=8)  # ConvNeXt's
    y = g("Add", y, g("Conv", g.swoosh_l(deep), g.drawn(8, 8, 1, 1, scale=8**-0.5), kernel_shape=[1, 1]))
    y = g("Transpose", y, perm=[0, 2, 1, 3])
    y = g("Reshape", y, g.shape(g.size(y, 0), g.size(y, 1), 8 * 19))
    return normed(g, g.linear(y, 8 * 19, WIDTH))


def normed(g: Graph, x: str) -> str:
    """BiasNorm: divided by the root of the mean square of what is left without a bias."""
    apart = g("Sub", x, g.drawn(WIDTH, scale=0.1))
    square = g("ReduceMean", g("Pow", apart, g.real(2.0)), axes=[-1], keepdims=1)
    scale = g("Mul", g("Pow", square, g.real(-0.5)), g("Exp", g.real(0.1)))
    return g("Mul", x, scale)


def masked(g: Graph, x: str, lengths: str) -> str:
    """Where a batch is padded, true: [N, T]."""
    places = g("Unsqueeze", g("Range", g.whole(0), g.size(x, 0), g.whole(1)), g.ints(0))
    wide = g.expand(places, g.shape(g.size(lengths, 0), g.size(x, 0)), 2)
    return g("GreaterOrEqual", wide, g("Unsqueeze", lengths, g.ints(1)))


def downsampled(g: Graph, x: str, by: int) -> str:
    """SimpleDownsample: the last frame is repeated where the length does not divide, which the export writes as an If."""
    length = g.size(x, 0)
    fewer = g("Div", g("Add", length, g.whole(by - 1)), g.whole(by))
    pad = g("Sub", g("Mul", fewer, g.whole(by)), length)
    then, otherwise = Graph(0), g.name("kept")
    then._count = 100_000 + g._count  # names of a branch must not be those of what is around it
    last = then("Slice", x, then.ints(-1), then.ints(np.iinfo(np.int64).max), then.ints(0))
    more = then.expand(last, then.shape(pad, then.size(x, 1), then.size(x, 2)), 3)
    padded = then("Concat", x, more, axis=0)
    value = helper.make_tensor_value_info
    branches = {
        "then_branch": helper.make_graph(then.nodes, "padded", [], [value(padded, FLOAT, None)], initializer=then.weights),
        "else_branch": helper.make_graph([helper.make_node("Identity", [x], [otherwise])], "as_is", [], [value(otherwise, FLOAT, None)]),
    }
    y = g("If", g("Greater", pad, g.whole(0)), **branches)
    y = g("Reshape", y, g.shape(fewer, by, g.size(x, 1), g.size(x, 2)))
    shares = g("Softmax", g.drawn(by, scale=0.5), axis=0)
    shares = g("Unsqueeze", shares, g.ints(1, 2))
    return g("ReduceSum", g("Mul", y, shares), g.ints(1), keepdims=0)


def upsampled(g: Graph, x: str, by: int, like: str) -> str:
    """SimpleUpsample, cut to the length of what was downsampled."""
    wide = g.expand(g("Unsqueeze", x, g.ints(1)), g.shape(g.size(x, 0), by, g.size(x, 1), g.size(x, 2)), 4)
    y = g("Reshape", wide, g.shape(-1, g.size(x, 1), g.size(x, 2)))
    return g("Slice", y, g.ints(0), g("Unsqueeze", g.size(like, 0), g.ints(0)), g.ints(0), g.ints(1))


def attention(g: Graph, x: str, mask: str, table: str) -> str:
    """Weights of heads, [heads, N, T, T]: what is alike, and how far it is apart, by GatherElements as in the export."""
    long, many = g.size(x, 0), g.size(x, 1)
    projected = g.linear(x, WIDTH, HEADS * (2 * KEY + PLACE))

    def part(begin: int, size: int) -> str:
        y = g("Slice", projected, g.ints(begin * HEADS), g.ints((begin + size) * HEADS), g.ints(2), g.ints(1))
        return g("Reshape", y, g.shape(long, many, HEADS, size))

    queries = g("Transpose", part(0, KEY), perm=[2, 1, 0, 3])
    keys = g("Transpose", part(KEY, KEY), perm=[2, 1, 3, 0])
    places = g("Transpose", part(2 * KEY, PLACE), perm=[2, 1, 0, 3])
    scores = g("MatMul", queries, keys)
    begin = g("Sub", g.whole(FURTHEST), long)
    near = g(
        "Slice", table, g("Unsqueeze", begin, g.ints(0)), g("Unsqueeze", g("Sub", g("Add", g.whole(FURTHEST), long), g.whole(1)), g.ints(0))
    )
    towards = g("MatMul", near, g.drawn(8, HEADS * PLACE, scale=0.3))  # [2T-1, heads * PLACE]
    towards = g("Transpose", g("Reshape", towards, g.shape(-1, HEADS, PLACE)), perm=[1, 2, 0])
    apart = g("MatMul", places, g("Unsqueeze", towards, g.ints(1)))  # [heads, N, T, 2T-1]
    twice = g("Sub", g("Mul", long, g.whole(2)), g.whole(1))
    rows = g("Range", g("Sub", long, g.whole(1)), g.whole(-1), g.whole(-1))
    rows = g("Unsqueeze", g("Tile", rows, g("Unsqueeze", g("Mul", many, g.whole(HEADS)), g.ints(0))), g.ints(1))
    index = g("Add", rows, g("Range", g.whole(0), long, g.whole(1)))
    shifted = g("GatherElements", g("Reshape", apart, g.shape(-1, twice)), index, axis=1)
    scores = g("Add", scores, g("Reshape", shifted, g.shape(HEADS, many, long, long)))
    scores = g("Where", g("Unsqueeze", mask, g.ints(1)), g.real(-1000.0), scores)
    return g("Softmax", scores, axis=-1)


def attended(g: Graph, x: str, weights: str) -> str:
    y = g("Reshape", g.linear(x, WIDTH, HEADS * VALUE), g.shape(g.size(x, 0), g.size(x, 1), HEADS, VALUE))
    y = g("Transpose", g("MatMul", weights, g("Transpose", y, perm=[2, 1, 0, 3])), perm=[2, 1, 0, 3])
    return g.linear(g("Reshape", y, g.shape(g.size(x, 0), g.size(x, 1), HEADS * VALUE)), HEADS * VALUE, WIDTH)


def gated(g: Graph, x: str, weights: str) -> str:
    """NonlinAttention: a product behind a tanh, attended with the first head."""
    halves = g.linear(x, WIDTH, 2 * WIDTH)
    gate, value = (g("Slice", halves, g.ints(at * WIDTH), g.ints((at + 1) * WIDTH), g.ints(2), g.ints(1)) for at in (0, 1))
    product = g("Transpose", g("Mul", g("Tanh", gate), value), perm=[1, 0, 2])
    first = g("Reshape", g("Slice", weights, g.ints(0), g.ints(1), g.ints(0)), g.shape(g.size(x, 1), g.size(x, 0), g.size(x, 0)))
    return g.linear(g("Transpose", g("MatMul", first, product), perm=[1, 0, 2]), WIDTH, WIDTH)


def convolved(g: Graph, x: str, mask: str) -> str:
    """A gate, zero where it is padded, and a depthwise convolution over time."""
    halves = g.linear(x, WIDTH, 2 * WIDTH)
    value, gate = (g("Slice", halves, g.ints(at * WIDTH), g.ints((at + 1) * WIDTH), g.ints(2), g.ints(1)) for at in (0, 1))
    y = g("Transpose", g("Mul", value, g("Sigmoid", gate)), perm=[1, 2, 0])
    y = g("Where", g("Unsqueeze", mask, g.ints(1)), g.real(0.0), y)
    y = g("Conv", y, g.drawn(WIDTH, 1, 7, scale=7**-0.5), g.drawn(WIDTH, scale=0.1), kernel_shape=[7], pads=[3, 3], group=WIDTH)
    return g.linear(g.swoosh_r(g("Transpose", y, perm=[2, 0, 1])), WIDTH, WIDTH)


def layer(g: Graph, x: str, mask: str, table: str) -> str:
    weights = attention(g, x, mask, table)
    y = x
    parts: tuple[Callable[[str], str], ...] = (
        lambda y: g.linear(g.swoosh_l(g.linear(y, WIDTH, 48)), 48, WIDTH),
        lambda y: gated(g, y, weights),
        lambda y: attended(g, y, weights),
        lambda y: convolved(g, y, mask),
    )
    for part in parts:
        y = g("Add", y, g("Mul", part(y), g.real(0.5)))
    return bypassed(g, x, normed(g, y))


def bypassed(g: Graph, before: str, after: str) -> str:
    return g("Add", before, g("Mul", g("Sub", after, before), g.real(0.7)))


def encoder(shift: Array = 0.0, scale: Array = 1.0, *, heeds: bool = True, told: dict[str, str] | None = None) -> Any:
    """The encoder. What it gives is moved by `shift`, then multiplied by `scale`; without `heeds` nothing of what is padded is masked."""
    g = Graph(SEED)
    y = g("Transpose", embedded(g, "x"), perm=[1, 0, 2])
    lengths = g("Div", g("Sub", "x_lens", g.whole(7)), g.whole(2))
    mask = masked(g, y, lengths if heeds else g("Unsqueeze", g.size(y, 0), g.ints(0)))
    table = g.weight(places())
    for by in STACKS:
        inner = y if by == 1 else downsampled(g, y, by)
        inside = mask if by == 1 else g("Slice", mask, g.ints(0), g.ints(np.iinfo(np.int64).max), g.ints(1), g.ints(by))
        inner = layer(g, inner, inside, table)
        y = bypassed(g, y, inner if by == 1 else upsampled(g, inner, by, y))
    y = downsampled(g, y, 2)
    weight = g.weight((g.random.standard_normal((WIDTH, JOINER)) / WIDTH**0.5 * scale).astype(np.float32))
    bias = g.weight((np.full(JOINER, shift) * scale).astype(np.float32))
    y = g("Add", g("MatMul", g("Transpose", y, perm=[1, 0, 2]), weight), bias)
    lengths = g("Cast", g("Div", g("Add", lengths, g.whole(1)), g.whole(2)), to=INT64)
    value = helper.make_tensor_value_info
    return g.model(
        (value("x", FLOAT, ["N", "T", 80]), value("x_lens", INT64, ["N"])),
        (value("encoder_out", FLOAT, ["N", "T_out", JOINER]), value("encoder_out_lens", INT64, ["N"])),
        {y: "encoder_out", lengths: "encoder_out_lens"},
        {"model_type": "zipformer2", "version": "1", "model_author": "rocmkit", "comment": "small"} if told is None else told,
    )


def places() -> Array:
    """What a distance looks like: [2 FURTHEST - 1, 8], squeezed by a logarithm."""
    apart = np.arange(-(FURTHEST - 1), FURTHEST, dtype=np.float64)
    squeezed = np.arctan(np.sign(apart) * np.log1p(np.abs(apart) / 4))[:, None] * np.arange(1, 5)
    return np.concatenate([np.cos(squeezed), np.sin(squeezed)], axis=1).astype(np.float32)


def decoder(told: dict[str, str] | None = None) -> Any:
    """Stateless: an embedding of the last two tokens, none for -1, and a convolution over them."""
    g = Graph(SEED + 1)
    many = len(TOKENS)
    known = g("Max", "y", g.whole(0))
    y = g("Gather", g.drawn(many, WIDTH, scale=1.0), known, axis=0)
    there = g("Cast", g("Unsqueeze", g("GreaterOrEqual", "y", g.whole(0)), g.ints(2)), to=FLOAT)
    y = g("Transpose", g("Mul", y, there), perm=[0, 2, 1])
    y = g("Conv", y, g.drawn(WIDTH, WIDTH // 4, CONTEXT, scale=(WIDTH // 4 * CONTEXT) ** -0.5), kernel_shape=[CONTEXT], group=4)
    y = g("Squeeze", g("Transpose", g("Relu", y), perm=[0, 2, 1]), g.ints(1))
    y = g.linear(y, WIDTH, JOINER, scale=1.5)
    value = helper.make_tensor_value_info
    return g.model(
        (value("y", INT64, ["N", CONTEXT]),),
        (value("decoder_out", FLOAT, ["N", JOINER]),),
        {y: "decoder_out"},
        {"context_size": str(CONTEXT), "vocab_size": str(many)} if told is None else told,
    )


def projection() -> tuple[Array, Array]:
    """The joiner's weights and bias."""
    random = np.random.default_rng(SEED + 2)
    weight = (random.standard_normal((JOINER, len(TOKENS))) * 3 / JOINER**0.5).astype(np.float32)
    weight[:, :3] = 0  # blank, <sos/eos> and <unk> do not look at the sound
    return weight, np.array([0, -50, -50] + [0] * len(CHARACTERS), np.float32)


def joiner(weight: Array, bias: Array) -> Any:
    g = Graph(0)
    y = g("Tanh", g("Add", "encoder_out", "decoder_out"))
    y = g("Gemm", y, g.weight(weight), g.weight(bias))
    value = helper.make_tensor_value_info
    return g.model(
        (value("encoder_out", FLOAT, ["N", JOINER]), value("decoder_out", FLOAT, ["N", JOINER])),
        (value("logit", FLOAT, ["N", len(TOKENS)]),),
        {y: "logit"},
        {"joiner_dim": str(JOINER)},
    )


def calibrated(speech: Sequence[Array], run: Callable[[Any, dict[str, Array]], Array], *, heeds: bool = True) -> tuple[Any, Any, Any]:
    """Encoder, decoder and joiner that speak when they hear `speech`, features of some sounds. `run` gives a model's first result.

    What the encoder gives is scaled to a mean of 0 and a spread of 1 over all frames, and the blank gets the score that it takes to win in
    all but a share of them.
    """
    frames = np.concatenate([run(encoder(), {"x": one[None], "x_lens": np.array([len(one)])})[0] for one in speech]).astype(np.float64)
    mean, spread = frames.mean(axis=0), frames.std(axis=0) + 1e-6
    scaled = encoder(-mean, 1 / spread, heeds=heeds)
    said = decoder()
    weight, bias = projection()
    before = run(said, {"y": np.array([[3 + at % 97, 3 + at % 89] for at in range(len(frames))])})
    scores = np.tanh((frames - mean) / spread + before) @ weight + bias
    bias[0] = np.quantile(scores[:, 3:].max(axis=1), 1 - SPOKEN)
    return scaled, said, joiner(weight, bias)


def write(folder: Path, models: Sequence[Any], *, suffix: str = "") -> None:
    """The folder as reazonspeech-k2-v2 has it. `suffix`: .int8."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, model in zip(("encoder", "decoder", "joiner"), models, strict=True):
        onnx.save(model, str(folder / f"{part}-epoch-99-avg-1{suffix}.onnx"))
    (folder / "tokens.txt").write_text("".join(f"{token} {number}\n" for number, token in enumerate(TOKENS)), encoding="utf-8")


def main() -> None:
    onnxruntime = importlib.import_module("onnxruntime")

    def run(model: Any, inputs: dict[str, Array]) -> Array:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, inputs)[0]

    folder, *speech = map(Path, sys.argv[1:])
    for name, heeds in (("model", True), ("heedless", False)):
        write(folder / name, calibrated([features(one) for one in speech], run, heeds=heeds))


def features(speech: Path) -> Array:
    """Good enough to calibrate with."""
    knf = importlib.import_module("kaldi_native_fbank")
    with wave.open(str(speech)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768
        seconds = len(samples) / file.getframerate()
    options = knf.FbankOptions()
    options.frame_opts.dither, options.frame_opts.snip_edges = 0.0, False
    options.mel_opts.num_bins, options.mel_opts.high_freq = 80, -400.0
    computer = knf.OnlineFbank(options)
    at = np.linspace(0, len(samples), int(seconds * 16000), endpoint=False)
    computer.accept_waveform(16000, np.interp(at, np.arange(len(samples)), samples).astype(np.float32).tolist())
    computer.input_finished()
    return np.stack([computer.get_frame(number) for number in range(computer.num_frames_ready)]).astype(np.float32)


if __name__ == "__main__":
    main()
