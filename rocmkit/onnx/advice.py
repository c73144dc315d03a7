"""What is in an ONNX file, judged for a provider. Pure.

What the ROCm provider computes is read in the registrations of its kernels in ONNX Runtime 1.22.1, the last release that has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rocmkit.kb.providers import Provider
from rocmkit.onnx.values import Advice, Graph, Severity, Tensor

#: What ONNX Runtime with the ROCm provider reads at most: it brings onnx 1.17 (1.16 in 1.19), and refuses what is newer.
ROCM_IR, ROCM_OPSET, ROCM_OPSET_OLD = 10, 22, 21
#: The newest of onnx 1.23. What is newer may be read by a newer ONNX Runtime; nothing is known of it here.
KNOWN_IR, KNOWN_OPSET = 14, 28

_KERNELS = "microsoft/onnxruntime v1.22.1 onnxruntime/core/providers/rocm/rocm_execution_provider.cc"
_ON_CPU_INT8 = re.compile(
    r"MatMulInteger|ConvInteger|DynamicQuantizeLinear|QLinear\w+|com\.microsoft:(?:QLinear\w+|QGemm|QAttention|QEmbedLayerNormalization"
    r"|MatMulIntegerToFloat|DynamicQuantize(?:MatMul|LSTM)|QMoE)"
)
#: com.microsoft:Attention permutes its inputs itself, and so keeps a way that needs no composable kernels.
_ATTENTION = ("com.microsoft:MultiHeadAttention",)
_CONVOLUTIONS = ("Conv", "ConvTranspose", "com.microsoft:FusedConv")
_PLAIN = re.compile(r"[\w./:-]+", re.ASCII)
_ORDER: tuple[Severity, ...] = ("blocks", "slow", "note")
#: Parts of a transducer, by their inputs, and what sherpa-onnx wants to find in their metadata.
_PARTS = {
    frozenset({"x", "x_lens"}): ("encoder", ("model_type",), "offline-recognizer-impl.cc"),
    frozenset({"y"}): ("decoder", ("vocab_size", "context_size"), "offline-transducer-model.cc"),
}


def advise(graph: Graph, provider: Provider) -> tuple[Advice, ...]:
    """All that is known to matter, what blocks first. Nothing found does not mean that all of it runs there: the profile tells that."""
    found = [*_everywhere(graph)]
    if provider == "rocm":
        found += _rocm(graph)
    elif provider == "migraphx":
        found += _migraphx(graph)
    return tuple(sorted(found, key=lambda one: _ORDER.index(one.severity)))


def moving(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Those whose shape is not fixed, or not told."""
    return [one for one in tensors if one.shape is None or not all(isinstance(length, int) and length >= 0 for length in one.shape)]


def fixes(graph: Graph) -> str:
    """Options of `rocmkit rewrite` that fix every input: lengths are examples. Empty where there are none, or names that no shell takes."""
    options = []
    for one in moving(graph.inputs):
        if one.shape is None or not _PLAIN.fullmatch(one.name):
            return ""
        lengths = [length if isinstance(length, int) else 1 if at == 0 else 1000 for at, length in enumerate(one.shape)]
        options.append(f" --fix {one.name}={','.join(map(str, lengths))}")
    return "".join(options)


def _everywhere(graph: Graph) -> Iterator[Advice]:
    if graph.missing:
        first = next(iter(graph.missing.items()))
        more = f", and {len(graph.missing) - 1} more" if len(graph.missing) > 1 else ""
        yield Advice(
            id="weights-missing",
            severity="blocks",
            text=f"Weights lie in files beside the model, and {first[0] or 'one'} cannot be used: {first[1]}{more}. It is not loaded.",
            fix="Download those files too, whole and into the same folder. A file of a hundred bytes is Git LFS's stand-in for it.",
            sources=("https://onnx.ai/onnx/repo-docs/ExternalData.html",),
        )
    opset = graph.opset.get("ai.onnx")
    if opset is None and any(":" not in name for name in graph.operators):
        yield Advice(id="opset-unknown", severity="note", text="The file does not say which version of the standard operators it uses.")
    if (opset or 0) > KNOWN_OPSET or (graph.ir_version or 0) > KNOWN_IR:
        yield Advice(
            id="newer-than-known",
            severity="note",
            text=f"Opset {opset}, file format {graph.ir_version}: newer than rocmkit knows. Whether ONNX Runtime reads it is not told.",
        )
    names = frozenset(one.name for one in graph.inputs)
    part, wanted, where = _PARTS.get(names, ("", (), ""))
    lacking = [key for key in wanted if key not in graph.metadata]
    if lacking:
        yield Advice(
            id="sherpa-metadata",
            severity="note",
            text=f"By its inputs this is the {part} of a transducer, but its metadata lacks {' and '.join(lacking)}: sherpa-onnx does "
            "not take it.",
            fix="Export it with metadata, as icefall's export-onnx.py does. Tools that change models drop it; `rocmkit rewrite` keeps it.",
            sources=(f"k2-fsa/sherpa-onnx sherpa-onnx/csrc/{where}",),
        )


def _rocm(graph: Graph) -> Iterator[Advice]:
    opset, ir_version = graph.opset.get("ai.onnx", 0), graph.ir_version or 0
    if opset > ROCM_OPSET or ir_version > ROCM_IR:
        yield Advice(
            id="too-new",
            severity="blocks",
            text=f"Opset {opset}, file format {ir_version}: ONNX Runtime with the ROCm provider (1.22 and older) reads up to opset "
            f"{ROCM_OPSET} and format {ROCM_IR}, and refuses the model.",
            fix="Export it for an older opset with onnx 1.17 or older.",
            sources=("microsoft/onnxruntime v1.22.1 onnxruntime/core/graph/model_load_utils.h, model.cc, cmake/deps.txt",),
        )
    elif opset > ROCM_OPSET_OLD:
        yield Advice(
            id="too-new-for-1.19",
            severity="note",
            text=f"Opset {opset}: ONNX Runtime 1.19, which goes with ROCm 6.0 and 6.1, reads up to {ROCM_OPSET_OLD}; 1.22 takes this one.",
            sources=("microsoft/onnxruntime v1.19.2 cmake/deps.txt",),
        )
    int8 = [name for name in graph.operators if _ON_CPU_INT8.fullmatch(name)]
    if int8:
        yield Advice(
            id="int8",
            severity="slow",
            text=f"{_counted(graph, int8)}: quantized to 8 bits. The ROCm provider has no kernels for them as exporters write them, so "
            "they stay on the processor, between copies to and from the GPU.",
            fix="Take the fp32 or fp16 file of the model for the GPU, and this one for the processor.",
            page="RK901",
            sources=(_KERNELS, "k2-fsa/sherpa-onnx#2370"),
        )
    recurrent = [name for name in ("LSTM", "GRU", "RNN") if name in graph.operators]
    if recurrent:
        yield Advice(
            id="recurrent",
            severity="slow",
            text=f"{_counted(graph, recurrent)}: the ROCm provider has these switched off, so they stay on the processor.",
            fix="Run a small model (voice activity detection) on the processor whole; for a large one take another provider.",
            sources=(_KERNELS,),
        )
    attention = [name for name in _ATTENTION if name in graph.operators]
    if attention:
        yield Advice(
            id="fused-attention",
            severity="blocks",
            text=f"{_counted(graph, attention)}: in a build without composable kernels, which is every one for gfx906, these fail when "
            "they run with more than one query.",
            fix="Take the model from before it was optimized for transformers: without nodes of com.microsoft.",
            page="RK909",
            sources=("microsoft/onnxruntime v1.22.1 onnxruntime/contrib_ops/rocm/bert/batched_gemm_softmax_gemm_permute_pipelines.cuh",),
        )
    if "Loop" in graph.operators:
        yield Advice(
            id="loops",
            severity="note",
            text=f"{_counted(graph, ['Loop'])}: whether to go round again is decided on the processor, so each round waits for a copy.",
            sources=("microsoft/onnxruntime v1.22.1 onnxruntime/core/providers/cuda/controlflow/loop.cc",),
        )
    double = [name for name in ("Conv", "Softmax") if name in graph.operators]
    if _has_float64(graph) and double:
        yield Advice(
            id="float64",
            severity="slow",
            text=f"It computes with float64, for which the ROCm provider has no {' and no '.join(double)}: they stay on the processor.",
            fix="Export the model in float32.",
            sources=(_KERNELS,),
        )
    if moving(graph.inputs) and any(name in graph.operators for name in _CONVOLUTIONS):
        yield Advice(
            id="new-shapes",
            severity="note",
            text="Inputs have no fixed shape: MIOpen prepares its convolutions for each new length, which takes seconds the first time.",
            fix="Pad recordings to a few lengths, and set MIOPEN_FIND_MODE=FAST.",
            sources=("remsky/Kokoro-FastAPI#518",),
        )


def _migraphx(graph: Graph) -> Iterator[Advice]:
    branches = [name for name in ("If", "Loop") if name in graph.operators]
    if branches:
        yield Advice(
            id="branches",
            severity="blocks",
            text=f"{_counted(graph, branches)}: ONNX Runtime's MIGraphX provider dies of a segmentation fault while it makes the session, "
            "or refuses the model.",
            fix="Take another provider: a loop cannot be taken out."
            if "Loop" in graph.operators
            else f"`rocmkit rewrite MODEL.onnx -o OUT.onnx --fold-ifs{fixes(graph)}` takes If nodes out where that is right, with the "
            "shapes that you need.",
            page="RK908",
            sources=("microsoft/onnxruntime#31607", "microsoft/onnxruntime#31713"),
        )
    if "Scan" in graph.operators:
        yield Advice(
            id="scans",
            severity="note",
            text=f"{_counted(graph, ['Scan'])}: a graph inside the graph, as those are that crash the MIGraphX provider. Not tried.",
            sources=("microsoft/onnxruntime#31607",),
        )
    if moving(graph.inputs):
        yield Advice(
            id="compiles-again",
            severity="slow",
            text="Inputs have no fixed shape: MIGraphX compiles the whole model for each new one, seconds to minutes at a time.",
            fix="Pad recordings to a few lengths, and keep what was compiled: migraphx_model_cache_dir among the provider's options.",
            page="RK907",
            sources=("ROCm/AMDMIGraphX#4618",),
        )


def _has_float64(graph: Graph) -> bool:
    return "float64" in graph.weights or any(one.dtype == "float64" for one in (*graph.inputs, *graph.outputs))


def _counted(graph: Graph, names: Iterable[str]) -> str:
    return ", ".join(f"{graph.operators[name]} {name}" for name in names)
