"""The models and datasets of the study: their names here and their repositories on the hub."""

from dataclasses import dataclass

from .errors import AssetError


@dataclass(frozen=True)
class Asset:
    name: str
    repo: str
    kind: str  # model or dataset
    layout: str  # of a dataset: muse, wmdp or tofu
    about: str
    tokenizer: str = ""  # the model whose tokenizer serves a repository that brings none
    template: str = ""  # of a model: configs/models/TEMPLATE.ini, whose [prompt] section suits it

    @property
    def folder(self) -> str:
        return f"{self.kind}s/{self.name}"


def _model(name: str, repo: str, about: str, template: str, tokenizer: str = "") -> Asset:
    return Asset(name, repo, "model", "", about, tokenizer, template)


ASSETS = (
    _model("llama2-7b", "meta-llama/Llama-2-7b-hf", "base model of the MUSE targets; gated", "muse"),
    _model("llama3.1-8b-instruct", "meta-llama/Llama-3.1-8B-Instruct", "chat model; gated", "llama3.1-instruct"),
    _model("qwen3-14b", "Qwen/Qwen3-14B", "chat model", "qwen3"),
    _model("muse-news-target", "muse-bench/MUSE-News_target", "Llama-2-7B that learned MUSE-News", "muse", "llama2-7b"),
    _model("muse-books-target", "muse-bench/MUSE-Books_target", "ICLM-7B that learned MUSE-Books", "muse", "llama2-7b"),
    Asset("muse-news", "muse-bench/MUSE-News", "dataset", "muse", "BBC news (Shi et al. 2024)"),
    Asset("muse-books", "muse-bench/MUSE-Books", "dataset", "muse", "Harry Potter (Shi et al. 2024)"),
    Asset("wmdp", "cais/wmdp", "dataset", "wmdp", "multiple choice: bio, chem, cyber (Li et al. 2024)"),
    Asset("tofu", "locuslab/TOFU", "dataset", "tofu", "fictitious authors (Maini et al. 2024)"),
)


def choose(names: list[str]) -> list[Asset]:
    """The assets of these names or repositories, each once, in the catalogue's order; `all` is every one."""
    known = {asset.name.lower(): asset for asset in ASSETS} | {asset.repo.lower(): asset for asset in ASSETS}
    unknown = [name for name in names if name != "all" and name.lower() not in known]
    if unknown:
        raise AssetError(
            f"'{unknown[0]}' is no asset of the study",
            "known are " + ", ".join(asset.name for asset in ASSETS) + " and all",
            "choose one of these; scripts/fetch-assets --list says what they are",
        )
    chosen = set(ASSETS) if "all" in names else {known[name.lower()] for name in names}
    return [asset for asset in ASSETS if asset in chosen]
