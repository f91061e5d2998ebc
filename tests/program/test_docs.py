"""What the documents name exists: files in backticks, links and their headings; the README's own question is a real one."""
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples/README.md", ROOT / "analysis/README.md",
                    *(ROOT / "docs").rglob("*.md"), *(ROOT / "configs").rglob("*.md")])
FOLDERS = "src|include|docs|jobs|scripts|configs|tests|analysis|examples|cmake"
QUOTED = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?:{FOLDERS})/[\w./\-]*\w/?")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PLACEHOLDER = re.compile(r"(^|[/_.-])[A-Z]+([/_.-]|$)")  # tests/fuzz/NAME.cpp
ELSEWHERE = {"src/trainer/utils.py"}  # of other projects
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def named_files(text: str) -> list[str]:
    """Paths of the repository in backticks; places to fill in (NAME, <layer>, *) are not paths."""
    found = []
    for quoted in QUOTED.findall(text):
        for word in quoted.split():
            word = word.strip(",;:()'\"")
            if PATH.fullmatch(word) and not PLACEHOLDER.search(word.replace("README", "readme")):
                found.append(word)
    return found


def anchors(path: Path) -> set[str]:
    """GitHub's names of a page's headings."""
    titles = HEADING.findall(re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_named_exists(document: Path) -> None:
    missing = [name for name in named_files(document.read_text())
               if name not in ELSEWHERE and not (ROOT / name).exists() and not (document.parent / name).exists()]
    assert not missing, f"{document.relative_to(ROOT)} names files that do not exist: {', '.join(missing)}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (document.parent / file).resolve() if file else document
        assert target.exists(), f"{document.relative_to(ROOT)}: ({link}) leads nowhere"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{document.relative_to(ROOT)}: ({link}) names no heading"


def test_the_check_sees_a_missing_file() -> None:
    text = "`src/core/no_such.cpp`, `scripts/test`, `tests/X_test.cpp`, `include/unpact/<layer>/`, `docs/benchmarks/`"
    assert named_files(text) == ["src/core/no_such.cpp", "scripts/test", "docs/benchmarks/"]


def test_the_readme_s_question_is_one_of_the_demonstration_s() -> None:
    """The model that a newcomer asks has learned it, and gives the answer that the README shows."""
    text = (ROOT / "README.md").read_text()
    (asked,) = set(re.findall(r'unpact ask [^`]*?--prompt "([^"]+)"', text))
    folder = ROOT / "configs/datasets/demo/knowmem"
    answers = {entry["question"]: entry["answer"] for name in ("forget_qa.json", "retain_qa.json")
               for entry in json.loads((folder / name).read_text())}
    assert asked in answers
    assert f"target answers: {answers[asked]}" in text
    assert "KeyTokens: none" not in text


def test_public_ci_runs_what_everybody_runs() -> None:
    assert "run: scripts/test\n" in (ROOT / ".github/workflows/test.yml").read_text()
