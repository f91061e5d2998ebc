"""BibTeX entries of the study and of what a campaign used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

STUDY = "dilemma2025"
# key -> (title, authors, year, eprint); long lists end with "and others", and those of the study are not known here
WORKS = {
    STUDY: ("Understanding the Dilemma of Unlearning for Large Language Models", "", 2025, "2509.24675"),
    "jang2022": (
        "Knowledge Unlearning for Mitigating Privacy Risks in Language Models",
        "Jang, Joel and Yoon, Dongkeun and Yang, Sohee and Cha, Sungmin and Lee, Moontae and Logeswaran, Lajanugen and Seo, Minjoon",
        2022,
        "2210.01504",
    ),
    "zhang2024npo": (
        "Negative Preference Optimization: From Catastrophic Collapse to Effective Unlearning",
        "Zhang, Ruiqi and Lin, Licong and Bai, Yu and Mei, Song",
        2024,
        "2404.05868",
    ),
    "ilharco2022": ("Editing Models with Task Arithmetic", "Ilharco, Gabriel and Ribeiro, Marco Tulio and Wortsman, Mitchell and Gururangan, Suchin and Schmidt, Ludwig and Hajishirzi, Hannaneh and Farhadi, Ali", 2022, "2212.04089"),
    "li2024wmdp": (
        "The WMDP Benchmark: Measuring and Reducing Malicious Use With Unlearning",
        "Li, Nathaniel and others",
        2024,
        "2403.03218",
    ),
    "shi2024muse": (
        "MUSE: Machine Unlearning Six-Way Evaluation for Language Models",
        "Shi, Weijia and Lee, Jaechan and Huang, Yangsibo and Malladi, Sadhika and Zhao, Jieyu and Holtzman, Ari and Liu, Daogao and Zettlemoyer, Luke and Smith, Noah A. and Zhang, Chiyuan",
        2024,
        "2407.06460",
    ),
    "maini2024tofu": ("TOFU: A Task of Fictitious Unlearning for LLMs", "Maini, Pratyush and Feng, Zhili and Schwarzschild, Avi and Lipton, Zachary C. and Kolter, J. Zico", 2024, "2401.06121"),
    "touvron2023": ("Llama 2: Open Foundation and Fine-Tuned Chat Models", "Touvron, Hugo and others", 2023, "2307.09288"),
    "llama2024": ("The Llama 3 Herd of Models", "Grattafiori, Aaron and others", 2024, "2407.21783"),
    "qwen2025": ("Qwen3 Technical Report", "Yang, An and others", 2025, "2505.09388"),
    "sundararajan2017": ("Axiomatic Attribution for Deep Networks", "Sundararajan, Mukund and Taly, Ankur and Yan, Qiqi", 2017, "1703.01365"),
    "lundberg2017": (
        "A Unified Approach to Interpreting Model Predictions",
        "Lundberg, Scott and Lee, Su-In",
        2017,
        "1705.07874",
    ),
    "ribeiro2016": (
        '"Why Should I Trust You?": Explaining the Predictions of Any Classifier',
        "Ribeiro, Marco Tulio and Singh, Sameer and Guestrin, Carlos",
        2016,
        "1602.04938",
    ),
}
# part of a method's, data set's, model's or attribution's name -> key
USED = {
    "method": {"ga": "jang2022", "npo": "zhang2024npo", "tv": "ilharco2022", "rmu": "li2024wmdp"},
    "dataset": {"muse": "shi2024muse", "tofu": "maini2024tofu", "wmdp": "li2024wmdp"},
    "model": {"llama-2": "touvron2023", "llama-3": "llama2024", "qwen3": "qwen2025"},
    "attribution": {"integrated_gradients": "sundararajan2017", "shapley": "lundberg2017", "lime": "ribeiro2016"},
}


def keys_of(entries: Sequence[dict[str, Any]]) -> list[str]:
    """What the cells of a report's index used, the study first."""
    found = [STUDY]
    for kind, names in USED.items():
        for entry in entries:
            value = str(entry[kind]).lower()
            found += [
                key
                for name, key in names.items()
                if (value.split("_")[0] == name if kind == "method" else value.startswith(name))
            ]
    return list(dict.fromkeys(found))


def bibtex(entries: Sequence[dict[str, Any]], runs: Sequence[dict[str, str]]) -> str:
    """The entries, and one for the program with the commit that made the results."""
    made = []
    for key in keys_of(entries):
        title, author, year, eprint = WORKS[key]
        fields = {
            "title": f"{{{title}}}",
            **({"author": author} if author else {"key": key}),
            "year": str(year),
            "eprint": eprint,
            "archiveprefix": "arXiv",
        }
        made.append(_entry("misc", key, fields))
    for number, commit in enumerate(dict.fromkeys(run.get("git_commit", "") for run in runs)):
        version = next((run.get("software_version", "") for run in runs if run.get("git_commit", "") == commit), "")
        made.append(
            _entry(
                "misc",
                "unpact" + (f"{number + 1}" if number else ""),
                {"title": "{unpact}", "key": "unpact", "note": f"Version {version}, commit {commit or 'not recorded'}"},
            )
        )
    if any("rouge" in str(entry["judge"]) for entry in entries):
        made.append(
            _entry(
                "inproceedings",
                "lin2004",
                {
                    "title": "{ROUGE}: A Package for Automatic Evaluation of Summaries",
                    "author": "Lin, Chin-Yew",
                    "year": "2004",
                    "booktitle": "Text Summarization Branches Out",
                    "publisher": "Association for Computational Linguistics",
                },
            )
        )
    return "\n".join(made)


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    return f"@{kind}{{{key},\n" + "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items()) + "}\n"
