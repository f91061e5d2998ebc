"""What the program says about itself, and how it refuses a command line."""
import json
import re
from pathlib import Path

import pytest
from unpact_program import Program

JOBS = ["finetune", "unlearn", "attribute", "evaluate", "reproduce", "collect", "inspect", "ask", "probe", "status"]


def sections(ini: str) -> dict[str, set[str]]:
    keys: dict[str, set[str]] = {}
    for line in ini.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            keys[section] = set()
        elif line:
            keys[section].add(f"{section}.{line.split(' = ')[0]}")
    return keys


@pytest.mark.parametrize("ranks", [1, 2])
def test_version_is_said_once(unpact: Program, ranks: int) -> None:
    assert re.fullmatch(r"unpact \d+\.\d+\.\d+ \(commit [0-9a-f]+\+?\)\n|unpact \d+\.\d+\.\d+ \(commit .*\)\n",
                        unpact.well("--version", ranks=ranks).out)


def test_help_names_every_job_and_exit_code(unpact: Program) -> None:
    text = unpact.well("--help").out
    assert all(f"\n  {job} " in text for job in JOBS)
    assert "0 done, 1 user error, 2 failure, 75" in text


@pytest.fixture(scope="module")
def known(unpact: Program) -> dict[str, set[str]]:
    """Every option, by its section."""
    return sections(unpact.well("reproduce", "--print-config").out)


@pytest.mark.parametrize("job", JOBS)
def test_help_of_a_job_lists_every_option_of_its_sections(unpact: Program, known: dict[str, set[str]], job: str) -> None:
    text = unpact.well(job, "--help").out
    assert f"usage: unpact {job}" in text
    shown = re.findall(r"^\[(\w+)\]$", text, re.MULTILINE)
    assert shown and set(shown) <= known.keys()
    listed = set(re.findall(r"^  --(\S+) ", text, re.MULTILINE))
    assert listed == set.union(*(known[section] for section in shown))


@pytest.mark.parametrize("value", ["a#b", "# a", "a # b = c", ";", '"a" \'b\'', "", "Москва 東京"])
def test_a_printed_value_is_read_back_as_it_was(unpact: Program, tmp_path: Path, value: str) -> None:
    first = unpact.well("unlearn", "--dataset.name", value or "x", "--prompt.system", value, "--print-config").out
    assert f"\nsystem = {value}\n" in first
    for start, end in (("", "\n"), ("\ufeff; a comment\n# another = 1\n", "\r\n")):
        (tmp_path / "printed.ini").write_bytes((start + first).replace("\n", end).encode())
        assert unpact.well("unlearn", "--config", tmp_path / "printed.ini", "--print-config").out == first


@pytest.mark.parametrize("ranks", [1, 2])
def test_printed_configuration_says_the_same_when_read_again(unpact: Program, home: Path, tmp_path: Path, ranks: int) -> None:
    first = unpact.well("unlearn", "--config", "tiny.ini", "--method", "npo_gd", "--seed", "11", "--prompt.stop", "\\x23 | \\n",
                        "--print-config", ranks=ranks, cwd=home / "configs").out
    printed = tmp_path / "elsewhere.ini"
    printed.write_text(first)
    assert unpact.well("unlearn", "--config", printed, "--print-config", ranks=ranks).out == first
    assert f"path = {home}/tiny\n" in first and "seed = 11\n" in first and "retain = gd\n" in first


def learning_rates(unpact: Program, home: Path, out: Path, *more: object) -> tuple[str, set[float]]:
    """What --print-config says of whp, whose file sets 1e-5, and what the steps really had."""
    arguments = ("unlearn", "--config", home / "configs/tiny.ini", "--method", "whp", "--unlearn.max_steps", "2", "--method.schedule", "constant",
                 "--output", out, *more)
    printed = unpact.well(*arguments, "--print-config").out.split("[unlearn]")[1].split("[method]")[0]
    unpact.well(*arguments)
    steps = [json.loads(line) for line in (out / "model.train.jsonl").read_text().splitlines()]
    assert len(steps) == 2
    said = json.loads((out / "model/unlearning.json").read_text())["options"]
    rate, = re.findall(r"^learning_rate = (.*)$", printed, re.MULTILINE)
    assert said["unlearn.learning_rate"] == rate and said["method.learning_rate"] == "-1", "said once, and it is what ran"
    return rate, {step["learning_rate"] for step in steps}


def test_the_command_line_wins_over_what_a_methods_file_says(unpact: Program, home: Path, target: Path, tmp_path: Path) -> None:
    assert learning_rates(unpact, home, tmp_path / "file") == ("1e-05", {1e-5}), "the method's file wins over [unlearn] of the configuration"
    assert learning_rates(unpact, home, tmp_path / "given", "--unlearn.learning_rate", "1e-3") == ("0.001", {1e-3})
    assert learning_rates(unpact, home, tmp_path / "both", "--unlearn.learning_rate", "1e-3", "--method.learning_rate", "2e-3") == ("0.002", {2e-3})


def test_a_failed_output_is_noticed(unpact: Program) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w", encoding="utf-8") as full:
        ended = unpact("finetune", "--print-config", stdout=full)
    assert ended.code == 2
    assert "standard output" in ended.message()


@pytest.mark.parametrize(("arguments", "problem", "hint"), [
    (["fintune"], "unknown job 'fintune'", "did you mean 'finetune'?"),
    (["ask", "--modle", "x"], "unknown option 'modle'", "did you mean 'model'?"),
    (["ask", "--generation.max_new_token", "3"], "unknown option 'generation.max_new_token'", "did you mean 'generation.max_new_tokens'?"),
    (["finetune", "--finetune.epochs", "two"], "option 'finetune.epochs' is 'two'", "correct the value"),
    (["finetune", "--seed", "1", "--run.seed", "2"], "option 'run.seed' appears twice", "remove one"),
    (["reproduce", "--config", "none.ini"], "cannot read the configuration none.ini", "--config"),
    (["reproduce", "--seed"], "the options cannot be read", "--help"),
    (["reproduce", "--seed", "5", "--campaign.seeds", "1, 2"], "option 'run.seed' (--seed) would change nothing", "--campaign.seeds 5"),
    (["reproduce", "--method", "ga", "--campaign.methods", "npo"], "option 'method.use' (--method) would change nothing", "--campaign.methods ga"),
    (["unlearn", "--model.name", "n" * 300], "too long", "choose names"),
    (["reproduce", "--dataset.name", "a/b"], "option 'dataset.name' is 'a/b'", "write a-b"),
    (["inspect", "model", "a", "b"], "the options cannot be read", "--help"),
])
def test_refusal_names_what_is_wrong_and_what_helps(unpact: Program, tmp_path: Path, arguments: list[str], problem: str, hint: str) -> None:
    ended = unpact(*arguments, cwd=tmp_path)
    assert ended.code == 1
    assert problem in ended.message() and hint in ended.message()
    assert not any(tmp_path.iterdir()), "nothing is written before the options are good"


@pytest.mark.parametrize("arguments", [["ask", "--modle", "x"], ["ask", "--prompt", "x"], ["inspect", "nothing", "x"],
                                       ["reproduce", "--campaign.ranks_per_cell", "3"], ["reproduce", "--campaign.ranks_per_cell", "4294967296"]])
def test_two_ranks_refuse_with_one_voice(unpact: Program, tmp_path: Path, arguments: list[str]) -> None:
    ended = unpact(*arguments, ranks=2, cwd=tmp_path)
    assert ended.code == 1
    ended.message()


@pytest.mark.parametrize(("arguments", "problem", "hint"), [
    (["ask", "--prompt", "x"], "no model was given", "--model"),
    (["ask", "--model", "x"], "nothing to ask", "--prompt"),
    (["ask", "--model", "x", "--prompt", "a", "--input", "b"], "nothing to ask, or two things at once", "--prompt"),
    (["unlearn", "--dataset.path", "x"], "no model was given", "--model"),
    (["attribute"], "no model was given", "--model"),
    (["evaluate", "--model", "x"], "no unlearned model was given", "--unlearned"),
    (["finetune", "--model", "x"], "no dataset", "--dataset"),
    (["inspect", "model"], "nothing to inspect", "inspect model"),
    (["inspect", "weather", "x"], "does not know 'weather'", "inspect model"),
    (["collect", "--output", "none"], "no campaign in none", "--output"),
])
def test_what_is_missing_is_named(unpact: Program, tmp_path: Path, arguments: list[str], problem: str, hint: str) -> None:
    ended = unpact(*arguments, cwd=tmp_path)
    assert ended.code == 1
    assert problem in ended.message() and hint in ended.message()


def test_no_job_at_all_shows_the_help(unpact: Program) -> None:
    ended = unpact()
    assert ended.code == 1 and "usage: unpact JOB" in ended.err


def test_a_mistake_in_a_configuration_file_names_the_file(unpact: Program, tmp_path: Path) -> None:
    for line, problem in (("[unlearn]\nepoch = 3\n", "unknown option 'unlearn.epoch'"), ("[unlearn]\nepochs = x\n", "'unlearn.epochs' is 'x'"),
                          ("[run]\nseed = 1\nseed = 1\n", "'run.seed' appears twice"), ("seed = 1\n", "line 1"), ("[rnu]\n", "unknown section [rnu]"),
                          ("[run]\nseed = 3 # three\n", "'run.seed' is '3 # three'"), ("[run] # c\n", "line 1"), ("[run]\nseed\n", "line 2")):
        config = tmp_path / "mistaken.ini"
        config.write_text(line)
        ended = unpact("reproduce", "--config", config)
        assert ended.code == 1
        assert problem in ended.message() and "mistaken.ini" in ended.message()
