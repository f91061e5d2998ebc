"""A table of texts and rates as CSV, Markdown and LaTeX (booktabs)."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass

from .model import Rate
from .text import DASH, full, mean_full

Value = str | int | Rate


@dataclass(frozen=True)
class Table:
    """A table with its caption; `means` are columns of rates that are means of values in [0, 1]."""

    name: str
    caption: str
    headings: list[str]
    rows: list[list[Value]]
    means: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The table in Markdown, under its caption."""

        def cell(heading: str, value: Value) -> str:
            text = (mean_full if heading in self.means else full)(value) if isinstance(value, Rate) else str(value)
            return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<").replace("\n", " ")

        lines = [[cell("", heading) for heading in self.headings], ["---"] * len(self.headings)]
        lines += [[cell(heading, value) for heading, value in zip(self.headings, row, strict=True)] for row in self.rows]
        return f"{self.caption}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"

    def csv(self) -> str:
        """The table in CSV: a rate is five columns; empty where it does not exist."""
        parts = ("count", "total", "value", "low", "high")
        is_rate = [any(isinstance(row[place], Rate) for row in self.rows) for place in range(len(self.headings))]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(
            [
                name
                for heading, rate in zip(self.headings, is_rate, strict=True)
                for name in ([f"{heading} {part}" for part in parts] if rate else [heading])
            ]
        )
        for row in self.rows:
            line: list[str] = []
            for value, rate in zip(row, is_rate, strict=True):
                line += (
                    [_number(getattr(value, part)) for part in parts]
                    if isinstance(value, Rate)
                    else [str(value)] + [""] * (4 if rate else 0)
                )
            writer.writerow(line)
        return out.getvalue()

    def latex(self) -> str:
        """The table as LaTeX for booktabs, intervals in brackets."""
        align = "".join(
            "r" if any(isinstance(row[place], Rate | int) for row in self.rows) else "l"
            for place in range(len(self.headings))
        )
        lines = [" & ".join(latex_text(heading) for heading in self.headings) + r" \\"]
        body = [
            " & ".join(_latex_cell(value, heading in self.means) for heading, value in zip(self.headings, row, strict=True))
            + r" \\"
            for row in self.rows
        ]
        return "\n".join(
            [
                r"% \usepackage{booktabs}",
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{latex_text(self.caption)}}}",
                rf"\label{{tab:{self.name}}}",
                rf"\begin{{tabular}}{{{align}}}",
                r"\toprule",
                *lines,
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )


SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    DASH: "--",
    "\N{MINUS SIGN}": "$-$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "\n": " ",
}


def latex_text(text: str) -> str:
    """A text with LaTeX's own characters escaped."""
    return "".join(SPECIAL.get(char, char) for char in text)


def _latex_cell(value: Value, mean: bool) -> str:
    if not isinstance(value, Rate):
        return latex_text(str(value))
    if not value.total:
        return "--"
    scale, digits = (1, 2) if mean else (100, 1)
    shown = [f"{scale * part:.{digits}f}" for part in (value.value, value.low, value.high)]
    if math.isnan(value.low) or math.isnan(value.high):
        return shown[0] + ("" if mean else r"\%")
    return rf"{shown[0]}{'' if mean else chr(92) + '%'} {{\scriptsize [{shown[1]}, {shown[2]}]}}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.10g}"
