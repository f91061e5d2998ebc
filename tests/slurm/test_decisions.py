"""When a job starts again, and when not: a made program under the real Slurm."""
from pathlib import Path

import pytest
from slurm_jobs import Job, Site

# Answers the plan's questions as the real one does, then ends with one code of a list after the other; '+' brings progress.
MADE = """#!/bin/bash
out=%s
case " $* " in
  *" --print-config "*) printf '[run]\\noutput = %%s\\n\\n[campaign]\\nranks_per_cell = 1\\n' "$out"; exit ;;
  " status "*) exit 1 ;;
  *" --version "*) echo "unpact 0.0 made"; exit ;;
esac
mkdir -p "$out/cells"
turn=$(ls "$out"/turn.* 2>/dev/null | wc -l); touch "$out/turn.$turn"
codes=(%s); code=${codes[turn]:-99}
[[ $code != *+ ]] || touch "$out/cells/cell$turn.h5"
exit "${code%%+}"
"""

CASES = {
    "wrong_input": ("1", "FAILED", ["1: an input is wrong; not started again"]),
    "without_progress": ("137", "FAILED", ["137: failed without progress; not started again"]),
    "one_failure": ("2+ 0", "COMPLETED", ["2: failure 1 of at most 3, after progress; requeues", "0: done"]),
    "failures": ("143+ 137+ 2+ 2+", "FAILED", [f"{code}: failure {i} of at most 3, after progress; requeues" for i, code in ((1, 143), (2, 137), (3, 2))]
                 + ["2: failure 4; not started again"]),
    "fruitless_stops": ("75 75 75", "FAILED", ["75: stopped in time, without progress; requeues"] * 2
                        + ["75: 3 starts on end brought nothing; not started again (more --time?)"]),
}


@pytest.fixture(scope="module")
def decided(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Job]]:
    """All cases at once: what they take is Slurm's own delay before a requeued job starts."""
    jobs = {}
    for name, (codes, _, _) in CASES.items():
        folder = tmp_path_factory.mktemp(name)
        program = folder / "unpact"
        program.write_text(MADE % (folder / "out", codes))
        program.chmod(0o755)
        jobs[name] = site.submit(["--per-node", 1], ["unlearn"], site=site.write(PROGRAM=str(program), SRUN_MPI="pmi2"))
    return {name: (site.cluster.finish_all([job.id for job in jobs.values()])[job.id], job) for name, job in jobs.items()}


@pytest.mark.parametrize("name", CASES)
def test_starts_again(decided: dict[str, tuple[str, Job]], name: str) -> None:
    _, state, verdicts = CASES[name]
    ended, job = decided[name]
    assert (ended, job.verdicts) == (state, verdicts), job.log


def test_what_waits_in_a_chain_is_cancelled_when_all_is_done(site: Site, tmp_path: Path) -> None:
    program = tmp_path / "unpact"
    program.write_text(MADE % (tmp_path / "out", "75+ 0"))
    program.chmod(0o755)
    job = site.submit(["--per-node", 1, "--chain", 4], ["unlearn"], site=site.write(PROGRAM=str(program), SRUN_MPI="pmi2"))
    assert len(job.ids) == 4
    states = [site.cluster.finish(one) for one in job.ids]
    assert states == ["FAILED", "COMPLETED", "CANCELLED", "CANCELLED"], job.log
    assert (job.output / f"logs/slurm-{job.ids[0]}.out").read_text().endswith("the next job of the chain goes on\n")


# Its first start loses the node that it runs on.
LOSES_A_NODE = """echo "$SLURMD_NODENAME" >>"$out/nodes"
[[ $turn != 0 ]] || scontrol update "NodeName=$SLURMD_NODENAME" State=DRAIN Reason=test
exit "${code%%+}"
"""


def test_a_spare_node_stands_in_for_one_that_is_lost(site: Site, tmp_path: Path) -> None:
    program = tmp_path / "unpact"
    program.write_text(MADE.replace('exit "${code%%+}"\n', LOSES_A_NODE) % (tmp_path / "out", "137 0"))
    program.chmod(0o755)
    job = site.submit(["--per-node", 1, "--spare", 1], ["unlearn"], site=site.write(PROGRAM=str(program), SRUN_MPI="pmi2"))
    assert "--nodes=2 " in job.said and "--no-kill" in job.said, job.said
    ended = site.cluster.finish(job.id)
    nodes = (tmp_path / "out/nodes").read_text().split()
    site.cluster.said("scontrol", "update", f"NodeName={nodes[0]}", "State=RESUME")
    assert ended == "COMPLETED" and len(set(nodes)) == 2, job.log
    assert job.verdicts == [f"137: {nodes[0]} lost; goes on in the same allocation without", "0: done"], job.log
