"""A throw-away Slurm of several "nodes" on this host: no systemd, no munge, as root or as a user; up in half a second."""
import getpass
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

CONF = """ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
StateSaveLocation={run}/state
SlurmctldPidFile={run}/slurmctld.pid
SlurmctldLogFile={run}/slurmctld.log
SlurmdSpoolDir={run}/%n/spool
SlurmdPidFile={run}/%n/slurmd.pid
SlurmdLogFile={run}/%n/slurmd.log
TmpFS={run}/%n/tmp
SlurmdParameters=config_overrides
SlurmdTimeout=10
KillWait=5
MinJobAge=3600
ReturnToService=2
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port={first}-{last} CPUs=8
PartitionName=main Nodes=ALL Default=YES PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes=ALL PriorityTier=2 PreemptMode=OFF
"""
# On one host all nodes would share the files of Open MPI's shared memory, named by host and rank of the node.
ONE_HOST = {"OMPI_MCA_btl": "self,tcp"}


def daemon(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def missing_tools() -> list[str]:
    tools = [name for name in ("sbatch", "squeue", "scontrol", "sinfo", "scancel", "srun") if shutil.which(name) is None]
    return [name for name in ("slurmctld", "slurmd") if daemon(name) is None] + tools


def free_port(count: int) -> int:
    """The first of `count` ports on end that nobody listens on."""
    worker = int("".join(filter(str.isdigit, os.environ.get("PYTEST_XDIST_WORKER", ""))) or 0)
    for port in range(17600 + 200 * worker, 30000, count):
        sockets = []
        try:
            for i in range(count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port + i))
            return port
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise RuntimeError("no free ports")


def until(condition: Callable[[], object], seconds: float, what: str) -> object:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"after {seconds} s still not: {what}")


class Cluster:
    def __init__(self, run: Path, nodes: int) -> None:
        self.run, self.nodes = run, nodes
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "SBATCH", "OMPI_", "PMIX_"))}
        self.environment.update(SLURM_CONF=str(run / "slurm.conf"))
        self.stops = threading.Event()
        self.starter = threading.Thread(target=self.start_requeued, daemon=True)

    def start(self) -> None:
        (self.run / "state").mkdir(parents=True)
        port = free_port(self.nodes + 1)
        host = socket.gethostname().split(".")[0]
        for i in range(1, self.nodes + 1):
            for name in ("spool", "tmp"):
                (self.run / f"n{i}" / name).mkdir(parents=True)
        (self.run / "slurm.conf").write_text(CONF.format(host=host, port=port, user=getpass.getuser(), run=self.run, nodes=self.nodes,
                                                         first=port + 1, last=port + self.nodes))
        subprocess.run([daemon("slurmctld"), "-c"], env=self.environment, check=True, timeout=60)
        for i in range(1, self.nodes + 1):
            self.start_node(f"n{i}")
        until(lambda: len(self.said("sinfo", "-h", "-N", "-p", "main", "-t", "idle", "-o", "%N").split()) == self.nodes, 30, "all nodes idle")
        self.starter.start()

    def start_node(self, name: str) -> None:
        subprocess.run([daemon("slurmd"), "-c", "-N", name], env=self.environment, check=True, timeout=60)

    def pids(self) -> list[int]:
        return [int(file.read_text()) for file in [*self.run.glob("slurmctld.pid"), *self.run.glob("n*/slurmd.pid")]]

    def start_requeued(self) -> None:
        """Slurm lets a requeued job wait for two minutes, unless it is told to start; and in the first seconds after its end it would take
        the start for the old one's."""
        since: dict[str, float] = {}
        while not self.stops.wait(0.3):
            waiting = [words[0] for line in self("squeue", "-h", "-r", "-t", "PENDING", "-o", "%A %r").stdout.splitlines()
                       if (words := line.split())[1:] == ["BeginTime"]]
            since = {job: since.get(job, time.monotonic()) for job in waiting}
            for job in [job for job, begin in since.items() if time.monotonic() - begin > 2.5]:
                self("scontrol", "update", f"jobid={job}", "StartTime=now")

    def stop(self) -> None:
        self.stops.set()
        if self.starter.is_alive():
            self.starter.join()
        self("scancel", f"--user={getpass.getuser()}")
        pids = self.pids()
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in pids:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            end = time.monotonic() + 20
            while time.monotonic() < end and (pids := [pid for pid in pids if Path(f"/proc/{pid}").exists()]):
                time.sleep(0.1)

    def __call__(self, *command: object, **more: str) -> subprocess.CompletedProcess:
        return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, env=self.environment | more, stdin=subprocess.DEVNULL)

    def said(self, *command: object, **more: str) -> str:
        done = self(*command, **more)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def fact(self, job: str, name: str) -> str:
        """A field of scontrol show job."""
        for word in self("scontrol", "show", "job", job).stdout.split():
            key, _, value = word.partition("=")
            if key == name:
                return value
        return ""

    def finish(self, job: str, seconds: float = 240) -> str:
        return self.finish_all([job], seconds)[job]

    def finish_all(self, jobs: list[str], seconds: float = 240) -> dict[str, str]:
        """Waits for the end of jobs, over their restarts; returns their states."""
        end = time.monotonic() + seconds
        ended: dict[str, str] = {}
        while len(ended) < len(jobs):
            for job in (job for job in jobs if job not in ended):
                state = self.fact(job, "JobState")
                if state not in ("RUNNING", "SIGNALING", "COMPLETING", "CONFIGURING", "PENDING"):
                    ended[job] = state
            assert time.monotonic() < end, f"not ended in {seconds} s: {[self('scontrol', 'show', 'job', job).stdout for job in jobs if job not in ended]}"
            time.sleep(0.3)
        return ended
