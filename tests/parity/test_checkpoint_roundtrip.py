"""A model that went through our load and save is the same model to transformers."""
import os
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BUILD = Path(os.environ.get("UNPACT_BUILD_DIR", Path(__file__).parents[2] / "build" / "default"))
FIXTURES = Path(os.environ.get("UNPACT_FIXTURES", BUILD / "fixtures")) / "parity"
PROGRAM = BUILD / "tests" / "model_tests"


def load(folder: Path):
    model = transformers.LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


@pytest.mark.parametrize("name", ["llama_grouped", "llama_tied", "llama_headdim"])
def test_saved_model_has_the_same_logits_in_transformers(name: str, tmp_path: Path) -> None:
    source, copy = FIXTURES / name, tmp_path / "copy"
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built (UNPACT_BUILD_DIR)")
    if not source.exists():
        pytest.skip(f"no fixture {source}: run tests/parity/make_fixtures.py and set UNPACT_FIXTURES")
    # A variable of a Slurm or mpirun session around this one would make MPI look for its other ranks.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMPI_", "PMIX_", "SLURM_"))}
    environment.update(UNPACT_COPY_FROM=str(source), UNPACT_COPY_TO=str(copy), OMP_NUM_THREADS="1")
    subprocess.run([PROGRAM, "--gtest_also_run_disabled_tests", "--gtest_filter=Checkpoint.DISABLED_CopyForTransformers"],
                   env=environment, check=True, timeout=120)
    before, after = load(source), load(copy)
    assert before.config.rope_parameters == after.config.rope_parameters
    for (name_before, a), (name_after, b) in zip(before.named_parameters(), after.named_parameters(), strict=True):
        assert name_before == name_after and torch.equal(a, b), name_before
    tokens = torch.randint(3, 300, (2, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(before(tokens).logits, after(tokens).logits)
