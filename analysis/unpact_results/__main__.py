"""python -m unpact_results validate | table | report | paper | trajectories | probes | compare | agreement | stability | style | thoughts"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, agreement, budgets, by_field, stability, style, table, terminal, thoughts, ways
from .compare import compare_folders
from .files import replace_file
from .campaigns import load_campaign
from .paper import write_paper
from .reading import ResultsError
from .report import LIMIT, sources_of, write_report
from .validate import validate_all


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 faults found or a file that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (ResultsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="unpact_results", description="Reads the results files of unpact.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    validate = commands.add_parser("validate", help="check cell and campaign files against the format")
    validate.add_argument("files", nargs="+", metavar="FILE", help="results file, or a folder of them")
    validate.set_defaults(run=_validate)

    show = commands.add_parser("table", help="verdicts in the terminal, or a row a cell")
    show.add_argument("campaign", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file")
    show.add_argument("--format", choices=("text", "markdown", "csv"), default="text", help="text: seeds pooled, 100 columns; the others: a row a cell")
    show.add_argument("--watch", nargs="?", type=float, const=10.0, metavar="SECONDS", help="show the text again until every planned cell is finished")
    show.add_argument("--width", type=int, default=terminal.WIDTH, metavar="COLUMNS")
    show.add_argument("--out", type=Path, metavar="FILE", help="write here instead of the terminal")
    show.set_defaults(run=_table)

    report = commands.add_parser("report", help="a page of one or more campaigns, with table and scatter beside it")
    report.add_argument("campaign", nargs="+", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file; further ones are shown beside the first")
    report.add_argument("--out", type=Path, metavar="FILE", help="default: report.html beside the campaign")
    report.add_argument("--questions", type=_numbers, metavar="I,J,K", help="open the page at the first of these questions")
    report.add_argument("--as", dest="form", choices=("auto", "file", "folder"), default="auto",
                        help="one file, or a page with a folder of data files (default: one file up to --limit)")
    report.add_argument("--limit", type=float, default=LIMIT / 1e6, metavar="MB", help=f"largest page that is one file (default: {LIMIT / 1e6:g})")
    report.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="cells that are read at once (default: processors)")
    report.set_defaults(run=_report)

    paper = commands.add_parser("paper", help="tables (CSV, Markdown, LaTeX) and figures (SVG, PDF, PNG) by their numbers, and a BibTeX file")
    paper.add_argument("campaign", nargs="+", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file; a table of differences to further ones")
    paper.add_argument("--out", type=Path, metavar="DIR", help="default: paper in the campaign's folder")
    paper.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="cells that are read at once (default: processors)")
    paper.set_defaults(run=_paper)

    trajectories = commands.add_parser("trajectories", help="forgetting against destruction: curves, destruction at equal forgetting, Pareto fronts")
    trajectories.add_argument("campaign", nargs="+", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file")
    trajectories.add_argument("--format", choices=("markdown", "csv"), default="markdown")
    trajectories.set_defaults(run=_trajectories)

    probes = commands.add_parser("probes", help="what each probe wins back at equal budgets, alone, and at what cost; a table a cell")
    probes.add_argument("campaign", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file")
    probes.add_argument("--by", nargs=2, metavar=("FILE", "FIELD"), help="right answers by a field of the data file, too, such as RWKU's type")
    probes.set_defaults(run=_probes)

    compare = commands.add_parser("compare", help="whether two results folders hold the same numbers, dataset by dataset")
    compare.add_argument("first", type=Path, metavar="A")
    compare.add_argument("second", type=Path, metavar="B")
    compare.set_defaults(run=_compare)

    agree = commands.add_parser("agreement", help="how far attribution methods agree about the same prompts")
    agree.add_argument("results", nargs="+", metavar="DIR", help="output of `unpact attribute`, or a results file; one a method")
    agree.add_argument("--answer", choices=("gold", "own"), default="gold", help="contributions to which answer (default: gold, the same for every method)")
    agree.add_argument("--top", type=int, default=3, metavar="K", help="tokens of the top-k overlap (default: 3)")
    agree.add_argument("--out", type=Path, metavar="FILE", help="default: agreement.html in the first DIR")
    agree.set_defaults(run=_agreement)

    stable = commands.add_parser("stability", help="which tokens are KeyTokens, across data sets: by frequency, position and part of the prompt")
    stable.add_argument("results", nargs="+", metavar="DIR", help="output of `unpact attribute`, or a results file; one a data set")
    stable.add_argument("--answer", choices=("gold", "own"), default="gold")
    stable.add_argument("--out", type=Path, metavar="FILE", help="default: stability.html in the first DIR")
    stable.set_defaults(run=_stability)

    written = commands.add_parser("style", help="whose style answers are in, whether their facts are right, and what the author's name in the prompt carries; tables a cell")
    written.add_argument("campaign", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file")
    written.add_argument("--passages", type=Path, metavar="FILE", help='JSON lines {"author", "text"} (default: that of judge.passages, as the cell names it)')
    written.set_defaults(run=_style)
    traced = commands.add_parser("thoughts", help="of models that think: answers and traces judged apart, leaks, and the trace's share of the contributions")
    traced.add_argument("campaign", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file")
    traced.set_defaults(run=_thoughts)
    return parser


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of question numbers such as 0,4,17") from None


def _validate(options: argparse.Namespace) -> int:
    faults = validate_all(options.files)
    for fault in faults:
        print(fault)
    if not faults:
        print(f"no faults in {', '.join(options.files)}")
    return 1 if faults else 0


def _table(options: argparse.Namespace) -> int:
    if options.watch is not None:
        if options.format != "text" or options.out or not options.watch > 0:
            raise ResultsError("--watch shows text in the terminal, every so many seconds: neither --format nor --out go with it")
        with contextlib.suppress(KeyboardInterrupt):
            terminal.watch(lambda: load_campaign(options.campaign, lazy=True), seconds=options.watch, width=max(terminal.NARROWEST, options.width))
        return 0
    campaign = load_campaign(options.campaign, lazy=True)
    colours = sys.stdout.isatty() and options.out is None and "NO_COLOR" not in os.environ
    make = {"text": lambda: terminal.render(campaign, max(terminal.NARROWEST, options.width), colours), "markdown": lambda: table.markdown(campaign), "csv": lambda: table.csv_text(campaign)}
    text = make[options.format]()
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        replace_file(options.out, text)
    else:
        print(text, end="")
    return 0


def _report(options: argparse.Namespace) -> int:
    first = Path(options.campaign[0])
    out = options.out or (first if first.is_dir() else first.parent) / "report.html"
    folder = {"auto": None, "file": False, "folder": True}[options.form]
    for path in write_report(sources_of(options.campaign), out, options.questions, max(1, options.jobs), int(options.limit * 1e6), folder):
        print(path)
    return 0


def _paper(options: argparse.Namespace) -> int:
    first = Path(options.campaign[0])
    out = options.out or (first if first.is_dir() else first.parent) / "paper"
    for path in write_paper(sources_of(options.campaign), out, max(1, options.jobs)):
        print(path)
    return 0


def _trajectories(options: argparse.Namespace) -> int:
    found = [ways.way_of(cell, source.label) for source in sources_of(options.campaign) for cell in source.campaign.cells]
    for made in ways.tables(found):
        print(made.markdown() if options.format == "markdown" else f"# {made.name}\n{made.csv()}")
    return 0


def _thoughts(options: argparse.Namespace) -> int:
    made = thoughts.table(said for cell in load_campaign(options.campaign).cells for said in thoughts.said_of(cell))
    print("No model of this campaign thinks before it answers." if made is None else made.markdown())
    return 0


def _probes(options: argparse.Namespace) -> int:
    for cell in load_campaign(options.campaign).cells:
        print(f"## {cell.id}\n\n{budgets.markdown(cell)}")
        if options.by:
            print(by_field.markdown(cell, Path(options.by[0]), options.by[1]))
    return 0


def _style(options: argparse.Namespace) -> int:
    for cell in load_campaign(options.campaign).cells:
        passages = style.read_passages(options.passages or style.passages_of(cell))
        print(f"## {cell.id}\n\n{style.markdown(cell, style.style_of(cell, passages))}")
    return 0


def _compare(options: argparse.Namespace) -> int:
    found = compare_folders(options.first, options.second)
    for line in [*(f"remark: {remark}" for remark in found.remarks), *found.differences]:
        print(line)
    counted = f"{found.datasets} datasets of {found.files} files"
    print(f"{len(found.differences)} difference(s) in {counted}" if found.differences else f"equal: {counted}")
    return 1 if found.differences else 0


def _agreement(options: argparse.Namespace) -> int:
    if options.top < 1:
        raise ResultsError("--top must be at least 1")
    made = agreement.measure(agreement.load(options.results), options.answer, options.top)
    return _pages(agreement.write(made, options.out or _beside(options.results[0], "agreement.html")), agreement.markdown(made))


def _stability(options: argparse.Namespace) -> int:
    made = stability.measure(agreement.load(options.results), options.answer)
    return _pages(stability.write(made, options.out or _beside(options.results[0], "stability.html")), stability.markdown(made))


def _beside(first: str, name: str) -> Path:
    path = Path(first)
    return (path if path.is_dir() else path.parent) / name


def _pages(written: list[Path], text: str) -> int:
    print(text, end="")
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
