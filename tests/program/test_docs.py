"""What documents and scripts name exists: files in backticks, links and their headings, options; the README's own question is a real
one."""
import json
import re
from pathlib import Path

import pytest
from unpact_program import Program

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


TEXTS = [*DOCUMENTS, *sorted(path for path in (ROOT / "scripts").rglob("*") if path.is_file() and path.suffix not in (".pyc",)),
         *sorted((ROOT / "configs").rglob("*.ini")), *sorted((ROOT / "examples").glob("*.cpp"))]
ARGUMENT = re.compile(r"(?<![\w-])--([a-z]+\.[a-z_0-9]+)\b(?!\.)")
CALL = re.compile(r"\bunpact (?:finetune|unlearn|attribute|evaluate|reproduce|collect|inspect|ask|probe)\b([^`]*)")
SHORT = re.compile(r"(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?![\w.-])")
# Of files, weights and other programs, not of a configuration.
NO_OPTIONS = {"section.key", "dataset.py", "model.norm", "model.safetensors", "model.training", "campaign.ini", "campaign.h5", "train.py"}


def calls(text: str) -> list[str]:
    """What stands after `unpact JOB`, to the end of the command: lines that end with a backslash go on."""
    joined = text.replace("\\\n", " ")
    return [found.split("\n")[0].split(" # ")[0].split("|")[0] for found in CALL.findall(joined)]


def misnamed_options(text: str, keys: set[str], short: set[str]) -> list[str]:
    sections = {key.split(".")[0] for key in keys}
    named = set(ARGUMENT.findall(text)) - NO_OPTIONS
    quoted = {word for word in re.findall(r"`([a-z]+\.[a-z_0-9]+)(?: = [^`]*)?`", text) if word.split(".")[0] in sections} - NO_OPTIONS
    return sorted((named | quoted) - keys) + sorted({word for call in calls(text) for word in SHORT.findall(call)} - short)


@pytest.fixture(scope="module")
def options(unpact: Program) -> tuple[set[str], set[str]]:
    """Every option of a configuration, and every short name and switch."""
    keys, section = set(), ""
    for line in unpact.well("reproduce", "--print-config").out.splitlines():
        section = line.strip("[]") if line.startswith("[") else section
        if " = " in line:
            keys.add(f"{section}.{line.split(' = ')[0]}")
    source = (ROOT / "src/options/option_names.cpp").read_text()
    short = set(re.findall(r'{"([a-z]+)", "[a-z]+\.[a-z_]+"}', source)) | set(re.findall(r'"([a-z-]+)"', source.split("option_switches() {")[1].split("}")[0]))
    return keys, short | {"config", "unlearned"}


@pytest.mark.parametrize("document", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_option_named_exists(document: Path, options: tuple[set[str], set[str]]) -> None:
    wrong = misnamed_options(document.read_text(), *options)
    assert not wrong, f"{document.relative_to(ROOT)} names options that do not exist: {', '.join(wrong)}"


def test_the_check_sees_a_missing_option(options: tuple[set[str], set[str]]) -> None:
    text = ("scripts/demo --campaign.seed 2, `dataset.limits`, `run.seed = 3`, --model.path, `model.safetensors`\nmpirun -n 2 --oversubscribe "
            "unpact ask --modle x \\\n --jsn --json\nls --all")
    assert misnamed_options(text, *options) == ["campaign.seed", "dataset.limits", "jsn", "modle"]


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
