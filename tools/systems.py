"""The page on speech systems: what `rocmkit smoke` drives, with which models, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping

from rocmkit.kb.backends import Backend, BackendModel, backends, install_of
from rocmkit.report.markdown import inline, row
from rocmkit.smoke.choose import size_of

_HEADS = ("model", "download", "video memory", "licence", "error rate expected", "passes up to")


def page(codes: Mapping[str, str]) -> str:
    """The page; `codes` are those of checks and issues, by their ids."""
    lines = [
        "# Speech systems",
        "",
        "What `rocmkit smoke` can drive. Error rates are by readings, on the clips that rocmkit brings; video memory is for one clip of 30",
        "seconds, by the model's weights and a margin. What was measured, and what is an estimate, is in `rocmkit/kb/backends.yaml`.",
        "",
    ]
    for one in backends():
        lines += _system(one, codes)
    return "\n".join(lines)


def _system(one: Backend, codes: Mapping[str, str]) -> list[str]:
    able = [
        f"timestamps of {one.timestamps}s" if one.timestamps != "none" else "no timestamps",
        *(word for word, has in (("punctuation", one.punctuation), ("finds the language", one.language_detection)) if has),
        *(["can tell speakers apart (not tried)"] if one.diarization else []),
    ]
    lines = [f"## `{one.id}`", "", f"{inline(one.title)}: {', '.join(able)}.", ""]
    lines += [f"It needs {', '.join(f'`{need}`' for need in one.needs)}; installed by", ""]
    lines += ["```sh", *(f"pip install {line}" for line in install_of(one)), "```", ""]
    lines += [row(_HEADS), row("---" for _ in _HEADS), *(row(_model(model)) for model in one.models), ""]
    lines += [f"- {inline(note)}" for note in one.notes]
    if not one.gpu:
        lines.append("- As its authors pack it, it has no way to an AMD GPU.")
    known = ", ".join(f"[{codes[name]}](../checks/{codes[name]}.md) `{name}`" for name in one.trouble)
    lines += [*([f"- Known for: {known}"] if known else []), f"- Sources: {'; '.join(map(inline, one.sources))} ({one.known})", ""]
    return lines


def _model(model: BackendModel) -> tuple[str, ...]:
    limits = [word for word, holds in (("gated", model.gated), ("kana alone", model.kana_only)) if holds]
    named = f"`{model.id}`" + (f" ({', '.join(limits)})" if limits else "")
    rates = (f"{100 * rate:.0f} %" for rate in (model.cer_expected, model.cer_pass))
    return (named, size_of(model.bytes), f"{model.vram_gib:g} GiB", model.licence, *rates)
