"""A model that went through our load and save is the same model to transformers."""
import os
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

BUILD = Path(os.environ.get("UNPACT_BUILD_DIR", Path(__file__).parents[2] / "build" / "default"))
FIXTURES = Path(os.environ.get("UNPACT_FIXTURES", BUILD / "fixtures")) / "parity"
PROGRAM = BUILD / "tests" / "checkpoint_tests"

MODELS = sorted(path.stem for path in FIXTURES.glob("*.safetensors") if (FIXTURES / path.stem).is_dir()) or ["llama_grouped"]


def load(folder: Path):
    is_pair = transformers.AutoConfig.from_pretrained(folder).is_encoder_decoder
    kind = transformers.AutoModelForSeq2SeqLM if is_pair else transformers.AutoModelForCausalLM
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    if model.config.model_type == "mixtral":  # its default wants widths that a small model has not
        model.set_experts_implementation("eager")
    return model.eval()


def logits(model, tokens):
    return (model(tokens, decoder_input_ids=tokens[:, :7], use_cache=False) if model.config.is_encoder_decoder else model(tokens)).logits


def copy_through_unpact(source: Path, copy: Path, shard_bytes: int) -> None:
    if not PROGRAM.exists():
        pytest.skip(f"{PROGRAM} is not built (UNPACT_BUILD_DIR)")
    if not source.exists():
        pytest.skip(f"no fixture {source}: run tests/parity/make_fixtures.py and set UNPACT_FIXTURES")
    # A variable of a Slurm or mpirun session around this one would make MPI look for its other ranks.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMPI_", "PMIX_", "SLURM_"))}
    environment.update(UNPACT_COPY_FROM=str(source), UNPACT_COPY_TO=str(copy), OMP_NUM_THREADS="1",
                       UNPACT_COPY_SHARD_BYTES=str(shard_bytes))
    subprocess.run([PROGRAM, "--gtest_also_run_disabled_tests", "--gtest_filter=Checkpoint.DISABLED_CopyForTransformers"],
                   env=environment, check=True, timeout=120)


@pytest.mark.parametrize(("name", "shard_bytes"), [(name, 5_000_000_000) for name in MODELS] +
                         [(name, 100_000) for name in MODELS if name in ("llama_tied", "gpt2")])
def test_saved_model_has_the_same_logits_in_transformers(name: str, shard_bytes: int, tmp_path: Path) -> None:
    source, copy = FIXTURES / name, tmp_path / "copy"
    copy_through_unpact(source, copy, shard_bytes)
    assert (len(list(copy.glob("*.safetensors"))) > 1) == (shard_bytes == 100_000)
    before, after = load(source), load(copy)
    ignored = {"_name_or_path", "dtype", "torch_dtype", "head_dim", "use_sliding_window", "layer_types"}
    a, b = before.config.to_dict(), after.config.to_dict()
    assert {k: v for k, v in a.items() if k not in ignored} == {k: v for k, v in b.items() if k not in ignored}
    for (name_before, a), (name_after, b) in zip(before.named_parameters(), after.named_parameters(), strict=True):
        assert name_before == name_after and torch.equal(a, b), name_before
    most = min(300, before.config.vocab_size)
    tokens = torch.randint(3, most, (2, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(logits(before, tokens), logits(after, tokens))
    assert before.generation_config.to_dict() == after.generation_config.to_dict()
