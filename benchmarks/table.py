"""The figures as text: a Markdown table for each group, with what every command is compared to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Row:
    """One command in one situation. Times are wall seconds; `warm_s` holds every counted run, in order."""

    group: str
    tool: str
    command: str
    exits: list[int | None]
    cold_s: list[float]
    warm_s: list[float]
    cpu_s: list[float]
    limit_s: float
    survived: bool
    sought: str = ""
    told: bool | None = None
    tools_called: list[str] = field(default_factory=list)
    left_running: int = 0
    budget_s: float | None = None

    @property
    def timed_out(self) -> bool:
        return None in self.exits

    @property
    def median_s(self) -> float:
        return median(self.warm_s)

    def published(self) -> dict[str, Any]:
        summary = {
            "cold_median_s": round(median(self.cold_s), 4) if self.cold_s else None,
            "warm_median_s": round(self.median_s, 4),
            "warm_min_s": round(min(self.warm_s), 4),
            "warm_max_s": round(max(self.warm_s), 4),
            "cpu_median_s": round(median(self.cpu_s), 4),
            "timed_out": self.timed_out,
            "within_budget": None if self.budget_s is None else not self.timed_out and self.median_s < self.budget_s,
        }
        plain = asdict(self)
        for name in ("cold_s", "warm_s", "cpu_s"):
            plain[name] = [round(value, 4) for value in plain[name]]
        return plain | summary


def median(values: list[float]) -> float:
    """The middle value, or the mean of the two middle ones."""
    ranked = sorted(values)
    half = len(ranked) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def render(machine: dict[str, Any], groups: dict[str, str], rows: list[Row]) -> str:
    """Everything that belongs between the markers."""
    parts = [_machine(machine)]
    for group, title in groups.items():
        chosen = [row for row in rows if row.group == group]
        if chosen:
            parts.append(f"**{title}**\n\n{_table(chosen)}")
    parts.append(_budgets(rows))
    return "\n\n".join(parts) + "\n"


def put(readme: Path, text: str, first: str = BEGIN, last: str = END) -> None:
    """Replace what stands between the markers."""
    before, begin, rest = readme.read_text(encoding="utf-8").partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise SystemExit(f"{readme.name} lacks the markers {first} and {last}")
    readme.write_text(f"{before}{first}\n{text}{last}{after}", encoding="utf-8")


def publish(name: str, text: str, found: dict[str, Any], *markers: str) -> None:
    """Keep what was found as NAME.json, and its tables in README.md."""
    (HERE / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    put(HERE / "README.md", text, *markers)


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    text = (
        f"{machine['date']}: {machine['cores']} cores ({machine['architecture']}), {machine['system']}, Python {machine['python']}, "
        f"{machine['gpu']}; load average {machine['load_before']} before and {machine['load_after']} after; "
        f"network {'cut off' if machine['network_cut'] else 'NOT cut off'} while measuring; {machine['runs']} warm runs. {versions}."
    )
    return "\n\n".join([text, *machine["notes"]])


def _table(rows: list[Row]) -> str:
    """The first rocmkit row is what the others are compared with."""
    base = next((row for row in rows if row.tool == "rocmkit"), rows[0])
    cold, called = any(row.cold_s for row in rows), any(row.tools_called for row in rows)
    sought = next((row.sought for row in rows if row.sought), "")
    head = ["command", *(["cold s"] if cold else []), "median s", "minimum s", "CPU s", f"x `{base.command}`", "exit", "survived"]
    head += ([f"prints {sought}"] if sought else []) + (["hung tools called", "left running"] if called else [])
    lines = ["| " + " | ".join(head) + " |", "|---" + "|--:" * (len(head) - 1) + "|"]
    for row in rows:
        above = "> " if row.timed_out else ""
        cells = [f"`{row.command}`", *([f"{median(row.cold_s):.2f}" if row.cold_s else ""] if cold else [])]
        cells += [f"{above}{row.median_s:.3f}", f"{above}{min(row.warm_s):.3f}", f"{median(row.cpu_s):.3f}"]
        cells += [_ratio(row, base), _exits(row), "yes" if row.survived else "**no**"]
        cells += [_yes(row.told)] if sought else []
        cells += [str(len(row.tools_called)), str(row.left_running)] if called else []
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _ratio(row: Row, base: Row) -> str:
    """Empty for what crashed: dying sooner is no lead."""
    if not row.survived and not row.timed_out:
        return ""
    ratio = row.median_s / base.median_s
    return f"{'> ' if row.timed_out else ''}{ratio:.{2 if ratio < 1 else 1}f}"


def _yes(value: bool | None) -> str:
    return "" if value is None else "yes" if value else "no"


def _exits(row: Row) -> str:
    def one(code: int | None) -> str:
        return "still running" if code is None else f"signal {-code}" if code < 0 else str(code)

    return ", ".join(dict.fromkeys(one(code) for code in row.exits))


def _budgets(rows: list[Row]) -> str:
    lines = ["**Budgets**", "", "| command | situation | budget s | median s | kept |", "|---|---|--:|--:|---|"]
    for row in rows:
        if row.budget_s is not None:
            kept = "yes" if not row.timed_out and row.median_s < row.budget_s else "**no**"
            lines.append(f"| `{row.command}` | {row.group} | {row.budget_s:g} | {row.median_s:.3f} | {kept} |")
    return "\n".join(lines)
