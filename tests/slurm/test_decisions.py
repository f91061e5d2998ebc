"""When a job starts again, and when not: a made program under the real Slurm."""
from pathlib import Path

import pytest
from happenings import Happenings
from made_programs import CASES, MADE, made_job
from slurm_jobs import Job, Site


@pytest.fixture(scope="module")
def decided(site: Site, happenings: Happenings) -> dict[str, tuple[str, Job]]:
    """All cases, begun long ago: what they take is Slurm's own delay before a requeued job starts."""
    jobs = happenings.futures["decided"].result()
    ends = site.cluster.finish_all([job.id for job in jobs.values()])
    return {name: (ends[job.id], job) for name, job in jobs.items()}


@pytest.mark.parametrize("name", CASES)
def test_starts_again(decided: dict[str, tuple[str, Job]], name: str) -> None:
    _, state, verdicts = CASES[name]
    ended, job = decided[name]
    assert (ended, job.verdicts) == (state, verdicts), job.log


def test_what_waits_in_a_chain_is_cancelled_when_all_is_done(site: Site, tmp_path: Path) -> None:
    job = made_job(site, tmp_path, "75+ 0", "--chain", 4)
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
    job = made_job(site, tmp_path, "137 0", "--spare", 1, made=MADE.replace('exit "${code%%+}"\n', LOSES_A_NODE))
    assert "--nodes=2 " in job.said and "--no-kill" in job.said, job.said
    ended = site.cluster.finish(job.id)
    nodes = (tmp_path / "out/nodes").read_text().split()
    site.cluster.said("scontrol", "update", f"NodeName={nodes[0]}", "State=RESUME")
    assert ended == "COMPLETED" and len(set(nodes)) == 2, job.log
    assert job.verdicts == [f"137: {nodes[0]} lost; goes on in the same allocation without", "0: done"], job.log
