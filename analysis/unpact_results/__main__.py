"""python -m unpact_results validate | table | report | compare | agreement | stability"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, agreement, budgets, stability, table
from .compare import compare_folders
from .reading import ResultsError, load_campaign
from .report import write_report
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

    show = commands.add_parser("table", help="a row a cell")
    show.add_argument("campaign", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file")
    show.add_argument("--format", choices=("markdown", "csv"), default="markdown")
    show.add_argument("--out", type=Path, metavar="FILE", help="write here instead of the terminal")
    show.set_defaults(run=_table)

    report = commands.add_parser("report", help="one self-contained HTML file, with table and scatter beside it")
    report.add_argument("campaign", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file")
    report.add_argument("--out", type=Path, metavar="FILE", help="default: report.html beside the campaign")
    report.add_argument("--questions", type=_numbers, metavar="I,J,K", help="show the strips of these questions instead of chosen ones")
    report.set_defaults(run=_report)

    probes = commands.add_parser("probes", help="what each probe wins back at equal budgets, alone, and at what cost; a table a cell")
    probes.add_argument("campaign", metavar="CAMPAIGN", help="campaign.h5, its folder, or a cell file")
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
    campaign = load_campaign(options.campaign)
    text = table.markdown(campaign) if options.format == "markdown" else table.csv_text(campaign)
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


def _report(options: argparse.Namespace) -> int:
    campaign = load_campaign(options.campaign)
    folder = Path(options.campaign) if Path(options.campaign).is_dir() else Path(options.campaign).parent
    for path in write_report(campaign, options.out or folder / "report.html", options.questions):
        print(path)
    return 0


def _probes(options: argparse.Namespace) -> int:
    for cell in load_campaign(options.campaign).cells:
        print(f"## {cell.id}\n\n{budgets.markdown(cell)}")
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
