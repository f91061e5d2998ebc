"""The table in a terminal: seeds pooled, at most so many columns wide, coloured where there is a terminal."""

from __future__ import annotations

import math
import os
import sys
import time
import unicodedata
from collections.abc import Callable
from typing import TextIO

from .campaigns import LazyCells
from .dilemma import BOTH, DESTRUCTIVE, INSUFFICIENT, NEITHER
from .model import Campaign, Rate
from .pooled import MEANS, Pooled, pooled_rows, probes_of
from .reading import ResultsError
from .table import HALF, HALF_SAYS, Summary, summary_of

COLOURS = {INSUFFICIENT: "33", DESTRUCTIVE: "31", BOTH: "35", NEITHER: "32"}
WIDTH, NARROWEST = 100, 72
PROBE = 11  # columns of a probe
SHORT = {"knowledge_left": "left", "deciding_destruction": "wrecked", "focus_shift_forgotten": "shift"}


def shown(rate: Rate | None, mean: bool) -> str:
    """A rate in few characters: 34±8 is 34 % with a half interval of 8 points."""
    if rate is None or not rate.total or math.isnan(rate.value):
        return "–"
    if mean:
        return f"{rate.value:.2f}"
    return f"{100 * rate.value:.0f}±{50 * (rate.high - rate.low):.0f}"


def _step(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(map(_step, text))


def _right(text: str, width: int) -> str:
    return " " * (width - columns(text)) + text


def cut(text: str, width: int) -> str:
    """A text in so many columns of a terminal: control and bidirectional characters as ?, the end as …"""
    clean = "".join("?" if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char for char in text)
    if columns(clean) <= width:
        return clean + " " * (width - columns(clean))
    result, used = "", 0
    for char in clean:
        if used + _step(char) > width - 1:
            break
        result, used = result + char, used + _step(char)
    return result + "…" + " " * (width - used - 1)


def text_table(rows: list[Pooled], probes: dict[str, str], width: int = WIDTH, colours: bool = False) -> str:
    """A block a model and data set, a line a method; probes that have no room are left out, which is said."""
    method = min(18 if width >= 90 else 12, max([6, *(columns(row.method) for row in rows)]))
    fixed = method + 1 + 5 + 9 + 9 + 9 + 6
    verdict = max(14, min(26, width - fixed))
    room = max(0, (width - fixed - verdict) // PROBE)
    shown_probes, hidden = list(probes.items())[:room], list(probes.values())[room:]
    head = f"{'method':{method}} {'seeds':>5}{'forgot':>9}{SHORT['knowledge_left']:>9}" + "".join(
        _right(cut(label, PROBE - 1).strip(), PROBE) for _, label in shown_probes
    )
    head += f"{SHORT['deciding_destruction']:>9}{SHORT['focus_shift_forgotten']:>6}  verdict"
    blocks: dict[str, list[Pooled]] = {}
    for row in rows:
        blocks.setdefault(f"# {row.model}, {row.dataset}", []).append(row)
    lines: list[str] = []
    for title, block in blocks.items():
        lines += [cut(title, width).rstrip(), head, *(line for row in block for line in _lines(row, method, width, shown_probes, verdict, colours))]
        lines += [*_wrapped(_causes(block), width), ""] if any(row.leaves_much for row in block) else [""]
    note = (
        "In percent ± half a 95 % interval, seeds pooled. left: knowledge left; probes: recovery; wrecked: destructive rate."
    )
    lines += [
        *_wrapped(note, width),
        *(_wrapped(f"{HALF}: {HALF_SAYS}", width) if any(row.on_half for row in rows) else []),
        *(_wrapped(f"Without room here: recovery by {', '.join(hidden)}.", width) if hidden else []),
    ]
    return "\n".join(lines) + "\n"


def _causes(block: list[Pooled]) -> str:
    """What decides that much is left, where it is."""
    causes: dict[str, list[str]] = {}
    for row in block:
        if row.leaves_much:
            causes.setdefault(row.leaves_much, []).append(row.method)
    return "Much is left by " + "; by ".join(f"{cause}: {', '.join(methods)}" for cause, methods in causes.items()) + "."


def _lines(row: Pooled, method: int, width: int, probes: list[tuple[str, str]], verdict: int, colours: bool) -> list[str]:
    """A name that its column does not hold stands in a line of its own: settings of one method differ at their ends."""
    if columns(row.method) <= method:
        return [_line(row, cut(row.method, method), probes, verdict, colours)]
    return [cut(row.method, width).rstrip(), _line(row, " " * method, probes, verdict, colours)]


def _line(row: Pooled, name: str, probes: list[tuple[str, str]], verdict: int, colours: bool) -> str:
    said = "; ".join(part for part in (row.verdict, row.absent) if part)
    word = next((name for name in COLOURS if row.verdict.startswith(name)), "")
    last = cut(said, verdict - 2).rstrip()
    if colours and word:
        last = f"\033[{COLOURS[word]}m{last}\033[0m"
    if not row.seeds:
        return f"{name} {0:>5}  {last}"
    left, wrecked = (shown(row.rates.get(name), False) for name in ("knowledge_left", "deciding_destruction"))
    back = "".join(f"{shown(row.rates.get(f'recovery_{name}'), False):>{PROBE}}" for name, _ in probes)
    return f"{name} {str(len(row.seeds)) + HALF * row.on_half:>5}{row.forgotten:>9}{left:>9}{back}{wrecked:>9}{shown(row.rates.get(MEANS[0]), True):>6}  {last}"


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and columns(lines[-1]) + 1 + columns(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [cut(line, width).rstrip() for line in lines]


def render(campaign: Campaign, width: int = WIDTH, colours: bool = False, known: dict[str, Summary] | None = None) -> str:
    """The table of a campaign; `known` keeps summaries of cells by path and time of change, for a campaign that is looked at again."""
    known = {} if known is None else known
    summaries, absent = (
        [],
        [(entry.model or "?", entry.dataset or "?", entry.method or entry.id, entry.status) for entry in campaign.absent],
    )
    done = [entry for entry in campaign.status if entry.status == "finished"]
    for place in range(len(campaign.cells)):
        try:
            summaries.append(_summary(campaign, place, known))
        except ResultsError:
            absent.append((done[place].model, done[place].dataset, done[place].method, "broken"))
    planned = len(summaries) + len(absent)
    head = f"{len(summaries)} of {planned} cells finished\n\n" if planned else "no cells\n\n"
    return head + text_table(pooled_rows(summaries, absent), probes_of(summaries), width, colours)


def _summary(campaign: Campaign, place: int, known: dict[str, Summary]) -> Summary:
    if not isinstance(campaign.cells, LazyCells):
        return summary_of(campaign.cells[place])
    path = campaign.cells.paths[place]
    try:
        key = f"{path}@{path.stat().st_mtime_ns}"
    except OSError as error:
        raise ResultsError(f"{path}: {error}") from error
    if key not in known:
        known[key] = summary_of(campaign.cells[place])
    return known[key]


def watch(
    load: Callable[[], Campaign],
    out: TextIO = sys.stdout,
    seconds: float = 10.0,
    width: int = WIDTH,
    rounds: int | None = None,
) -> None:
    """Show the table again and again until every planned cell is finished, or the user interrupts."""
    known: dict[str, Summary] = {}
    terminal, turn = out.isatty(), 0
    while rounds is None or turn < rounds:
        campaign = load()
        text = render(campaign, width, terminal and "NO_COLOR" not in os.environ, known)
        out.write(("\033[H\033[2J" if terminal else "") + text)
        out.flush()
        turn += 1
        if not any(entry.status == "missing" for entry in campaign.absent):
            return
        if rounds is None or turn < rounds:
            time.sleep(seconds)
