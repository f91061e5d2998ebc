"""Jobs by slurm/submit on the tests' cluster."""
import itertools
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cluster import Cluster, until
from unpact_program import ROOT, Program

METHODS = ["ga", "ga_gd", "npo", "npo_gd"]
STEPS = 24
# Of a job to which something happens in the middle: what happens may take a second to arrive.
LONG = 240
KEYS = {"PARTITION": "main", "MAX_TIME": "10", "GPUS_PER_NODE": "0", "TASKS_PER_NODE": "2", "CPUS_PER_TASK": "1", "SIGNAL_SECONDS": "60",
        "LAUNCH_ARGS": "(--wait=5)", "SBATCH_ARGS": "(--exclude=n[3-5])"}
# Nodes for what loses its node, or takes another's: no job by KEYS is there.
DANGEROUS = {"SBATCH_ARGS": "(--exclude=n[1-2])"}
# The only setting of Open MPI: what several nodes on one host need.
ENVIRONMENT = "export OMPI_MCA_btl=self,tcp OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"


@dataclass
class Job:
    ids: list[str]
    output: Path
    submission: Path
    said: str

    @property
    def id(self) -> str:
        return self.ids[0]

    @property
    def log(self) -> str:
        path = self.output / f"logs/slurm-{self.id}.out"
        return path.read_text() if path.exists() else ""

    @property
    def verdicts(self) -> list[str]:
        """What the script said of each end of the program."""
        return re.findall(r"\] job \d+: exit code (.*)", self.log)


@dataclass
class Site:
    cluster: Cluster
    unpact: Program
    home: Path
    folder: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def write(self, text: str | None = None, environment: str = ENVIRONMENT, **keys: str) -> Path:
        """A site file; the keys in `keys` replace those of the tests' site, None leaves one out."""
        path = self.folder / f"site{next(self.numbers)}.sh"
        lines = [f"{key}={value}" for key, value in ({"PROGRAM": str(self.unpact.binary)} | KEYS | keys).items() if value is not None]
        path.write_text(text if text is not None else "\n".join(lines) + f"\nsite_environment() {{ {environment}; }}\n")
        return path

    def campaign(self, output: Path, *more: object, methods: list[str] = METHODS, steps: int = STEPS) -> list[str]:
        return [*map(str, ("reproduce", "--config", self.home / "configs/tiny.ini", "--output", output, "--campaign.methods", ",".join(methods),
                           "--unlearn.max_steps", steps, *more))]

    def run(self, *arguments: object, site: Path | None = None, path: str | None = None, **environment: str) -> subprocess.CompletedProcess:
        """slurm/submit, whatever it says. @param path a folder of programs that stand before all others."""
        more = {"UNPACT_SITE": str(site or self.write())} | environment
        if path:
            more["PATH"] = f"{path}:{self.cluster.environment['PATH']}"
        return self.cluster(ROOT / "slurm/submit", *arguments, **more)

    def submit(self, options: list[object], job: list[object], site: Path | None = None) -> Job:
        done = self.run(*options, *job, site=site)
        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(r"^submitted: (.*); logs in (.*)/logs, what was submitted in (.*)$", done.stdout, re.MULTILINE)
        assert found, done.stdout
        return Job(found[1].split(), Path(found[2]), Path(found[3]), done.stdout)

    def queued(self, output: Path | str) -> bool:
        """Whether a job that works in this folder was ever submitted; other tests' jobs may be about."""
        return str(output) in self.cluster.said("squeue", "-h", "-t", "all", "-o", "%o")

    def refused(self, *arguments: object, **more: object) -> str:
        """The one message of a refusal."""
        done = self.run(*arguments, **more)
        assert done.returncode == 1 and not self.queued(arguments[arguments.index("--output") + 1]), done.stdout + done.stderr
        assert done.stderr.count("submit: error: ") == 1, done.stderr
        lines = done.stderr.split("submit: error: ")[1].splitlines()
        assert len(lines) == 3 and lines[1].startswith("  reason: ") and lines[2].startswith("  hint:   "), done.stderr
        return "\n".join(lines)


def steps_in(output: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in output.glob("logs/**/*.train.jsonl"))


def wait_for_steps(output: Path, count: int, seconds: float = 90) -> None:
    until(lambda: steps_in(output) >= count, seconds, f"{count} steps in {output}")
