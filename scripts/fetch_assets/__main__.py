"""The command line of scripts/fetch-assets."""

import argparse
import sys
from pathlib import Path

from .catalogue import ASSETS, SETS, Asset, choose
from .configuration import write_choice_files
from .errors import AssetError
from .fetch import fetch
from .hub import Hub

_ROOT = Path(__file__).resolve().parents[2]
_EPILOG = """\
A second run verifies every file and fetches only what is missing or damaged; an interrupted download goes on.
Environment: HF_TOKEN (gated models), HF_ENDPOINT (a mirror). Exit codes: 0 done, 1 something could not be fetched."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/fetch-assets", description="Downloads the study's models and datasets from the Hugging Face hub.",
        epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="name or repository, paper or all")
    parser.add_argument("--list", action="store_true", help="say what can be fetched")
    parser.add_argument("--out", type=Path, default=_ROOT / "assets", metavar="DIR", help="by default assets/ here")
    parser.add_argument("--revision", help="branch, tag or commit of the repositories, by default main")
    return parser


def _print_list() -> None:
    width = max(len(asset.name) for asset in ASSETS)
    repo = max(len(asset.repo) for asset in ASSETS)
    for asset in ASSETS:
        gated = f"; gated: {asset.licence}" if asset.licence else ""
        print(f"{asset.name:{width}}  {asset.kind:7}  {asset.repo:{repo}}  {asset.about}{gated}")
    for name, (about, _) in SETS.items():
        print(f"{name:{width}}  {'set':7}  {'':{repo}}  {about}")


def _print_gates(assets: list[Asset], hub: Hub) -> None:
    """What must be accepted before hours of download, in one place."""
    gated = [asset for asset in assets if asset.licence]
    if not gated or hub.has_token():
        return
    print(f"{len(gated)} of these {len(assets)} are gated. On each page accept what it asks for; then make a token that may "
          f"read ({hub.endpoint}/settings/tokens) and set HF_TOKEN to it:")
    for asset in gated:
        print(f"  {hub.page(asset.repo, asset.kind)}  {asset.licence}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list:
        _print_list()
        return 0
    if not options.names:
        parser.error("name what to fetch, or all; --list says what there is")
    out, failed = options.out.resolve(), 0
    try:
        assets = choose(options.names)
    except AssetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    hub = Hub()
    _print_gates(assets, hub)
    for asset in assets:
        print(f"== {asset.name}: {asset.repo} -> {out / asset.folder}", flush=True)
        try:
            fetch(asset, out, hub, options.revision, lambda line: print(f"  {line}", flush=True))
            for line in write_choice_files(asset, out):
                print(f"  {line}", flush=True)
        except AssetError as error:  # the others are fetched all the same
            failed += 1
            print(f"error: {error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted: run this again, and it goes on where it ended")
