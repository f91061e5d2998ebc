"""model.replica = sharded: models whose weights are cut over the ranks give the files that whole ones give."""
import json
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from unpact_program import BASELINE, FORGET, Ended, Program, assert_same_cells, differing

SHARDED = ("--model.replica", "sharded")


@pytest.fixture(scope="module")
def campaigns(reproduce: Callable[..., Ended], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Ended]]:
    """Sums of terms, a difference of weights, and two models that answer as one."""
    ran = {}
    for replica in ("whole", "sharded"):
        folder = tmp_path_factory.mktemp(replica) / "out"
        ended = reproduce(folder, "--model.replica", replica, "--campaign.methods", "ga_gd,tv,whp", "--method.epochs", "1",
                          "--campaign.ranks_per_cell", "2", "--campaign.save_models", "true", ranks=2)
        ran[replica] = folder, ended
    return ran


def test_a_campaign_on_shards_is_that_of_whole_models(campaigns: dict[str, tuple[Path, Ended]]) -> None:
    (whole, quiet), (sharded, said) = campaigns["whole"], campaigns["sharded"]
    assert differing(whole / BASELINE, sharded / BASELINE) == []
    assert_same_cells(whole, sharded, 3)
    assert "generation is slower" in said.out + said.err and "generation is slower" not in quiet.out + quiet.err
    for path in sorted((whole / "models").rglob("*.safetensors")):
        assert path.read_bytes() == (sharded / path.relative_to(whole)).read_bytes(), path


def test_results_are_found_again_whatever_a_rank_holds(campaigns: dict[str, tuple[Path, Ended]]) -> None:
    fingerprints = []
    for folder, _ in campaigns.values():
        with h5py.File(folder / BASELINE) as file:
            fingerprints.append(file.attrs["fingerprint"])
    assert fingerprints[0] == fingerprints[1], "no number depends on it"


def test_ask_says_the_same_with_two_models_on_shards(unpact: Program, target: Path, unlearned: Path) -> None:
    lines = "".join(json.dumps({"prompt": question}) + "\n" for question, _ in FORGET[:5])
    arguments = ("ask", "--model", target, "--unlearned", unlearned, "--input", "-", "--json", "--generation.max_new_tokens", "4")
    expected = unpact.well(*arguments, stdin=lines).out
    assert unpact.well(*arguments, *SHARDED, stdin=lines, ranks=2).out == expected


def test_methods_that_take_gradients_are_refused(unpact: Program, target: Path) -> None:
    refused = unpact("ask", "--model", target, "--prompt", "Why?", *SHARDED, "--attribution.method", "gradient_x_input")
    assert refused.code == 1 and "gradient_x_input" in refused.message() and "model.replica" in refused.message()
