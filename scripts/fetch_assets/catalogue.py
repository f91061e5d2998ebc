"""The models and datasets of the study: their names here and their repositories on the hub."""

from dataclasses import dataclass

from .errors import AssetError


@dataclass(frozen=True)
class Asset:
    name: str
    repo: str
    kind: str  # model or dataset
    layout: str  # of a dataset: how its files are converted (convert.py)
    about: str
    tokenizer: str = ""  # the model whose tokenizer serves a repository that brings none
    template: str = ""  # of a model: configs/models/TEMPLATE.ini, whose [prompt] section suits it
    licence: str = ""  # of a gated repository: what its page asks to accept

    @property
    def folder(self) -> str:
        return f"{self.kind}s/{self.name}"


def _model(name: str, repo: str, about: str, template: str, tokenizer: str = "", licence: str = "") -> Asset:
    return Asset(name, repo, "model", "", about, tokenizer, template, licence)


_LLAMA2, _LLAMA31, _LLAMA32 = (f"Llama {version} Community License" for version in ("2", "3.1", "3.2"))
ASSETS = (
    _model("llama2-7b", "meta-llama/Llama-2-7b-hf", "base model of the MUSE targets", "muse", licence=_LLAMA2),
    _model("llama3.1-8b-instruct", "meta-llama/Llama-3.1-8B-Instruct", "chat model", "llama3.1-instruct", licence=_LLAMA31),
    _model("qwen3-14b", "Qwen/Qwen3-14B", "chat model", "qwen3"),
    _model("muse-news-target", "muse-bench/MUSE-News_target", "Llama-2-7B that learned MUSE-News", "muse", "llama2-7b"),
    _model("muse-books-target", "muse-bench/MUSE-Books_target", "ICLM-7B that learned MUSE-Books", "muse", "llama2-7b"),
    _model("muse-news-retrain", "muse-bench/MUSE-News_retrain", "Llama-2-7B that learned News without its forget set: a control",
           "muse", "llama2-7b"),
    _model("muse-books-retrain", "muse-bench/MUSE-Books_retrain", "ICLM-7B that learned Books without its forget set: a control",
           "muse", "llama2-7b"),
    _model("llama3.2-1b-instruct", "meta-llama/Llama-3.2-1B-Instruct", "base of the TOFU target", "llama3.1-instruct",
           licence=_LLAMA32),
    _model("tofu-1b-target", "open-unlearning/tofu_Llama-3.2-1B-Instruct_full", "Llama-3.2-1B that learned TOFU",
           "llama3.1-instruct", "llama3.2-1b-instruct"),
    _model("tofu-1b-retain90", "open-unlearning/tofu_Llama-3.2-1B-Instruct_retain90", "Llama-3.2-1B that learned TOFU but forget10: a control",
           "llama3.1-instruct", "llama3.2-1b-instruct"),
    Asset("muse-news", "muse-bench/MUSE-News", "dataset", "muse", "BBC news (Shi et al. 2024)"),
    Asset("muse-books", "muse-bench/MUSE-Books", "dataset", "muse", "Harry Potter (Shi et al. 2024)"),
    Asset("wmdp", "cais/wmdp", "dataset", "wmdp", "multiple choice: bio, chem, cyber (Li et al. 2024)"),
    Asset("wmdp-corpora", "cais/wmdp-corpora", "dataset", "wmdp-corpora", "RMU's public corpora (Li et al. 2024)"),
    Asset("wmdp-bio-forget-corpus", "cais/wmdp-bio-forget-corpus", "dataset", "bio-forget-corpus",
          "RMU's corpus to forget of WMDP-bio", licence="conditions of access, which its authors must grant"),
    Asset("mmlu", "cais/mmlu", "dataset", "mmlu", "questions to keep beside WMDP (Hendrycks et al. 2021)"),
    Asset("tofu", "locuslab/TOFU", "dataset", "tofu", "fictitious authors (Maini et al. 2024)"),
)
SETS = {
    "paper": ("all that configs/paper.ini reads, and controls: MUSE's retrained models, the TOFU models of open-unlearning",
              tuple(asset.name for asset in ASSETS)),
}


def choose(names: list[str]) -> list[Asset]:
    """The assets of these names, repositories or sets, each once, in the catalogue's order; `all` is every one."""
    known = {asset.name.lower(): asset for asset in ASSETS} | {asset.repo.lower(): asset for asset in ASSETS}
    wanted: list[str] = []
    for name in names:
        wanted += SETS[name.lower()][1] if name.lower() in SETS else [name]
    unknown = [name for name in wanted if name != "all" and name.lower() not in known]
    if unknown:
        raise AssetError(
            f"'{unknown[0]}' is no asset of the study",
            "known are " + ", ".join([asset.name for asset in ASSETS] + list(SETS)) + " and all",
            "choose one of these; scripts/fetch-assets --list says what they are",
        )
    chosen = set(ASSETS) if "all" in wanted else {known[name.lower()] for name in wanted}
    return [asset for asset in ASSETS if asset in chosen]
