"""A made program in the place of the real one, and how its ends should be taken."""
from pathlib import Path

from slurm_jobs import Job, Site

# Answers the plan's questions as the real one does, then ends with one code of a list after the other; '+' brings progress.
MADE = """#!/bin/bash
out=%s
case " $* " in
  *" --print-config "*) printf '[run]\\noutput = %%s\\n\\n[campaign]\\nranks_per_cell = 1\\n' "$out"; exit ;;
  " status "*) exit 1 ;;
  *" --version "*) echo "unpact 0.0 made"; exit ;;
esac
turn=$(ls "$out"/turn.* 2>/dev/null | wc -l); touch "$out/turn.$turn"
codes=(%s); code=${codes[turn]:-99}
[[ $code != *+ ]] || touch "$UNPACT_PROGRESS_FILE"
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


def made_job(site: Site, folder: Path, codes: str, *options: object, made: str = MADE) -> Job:
    folder.mkdir(exist_ok=True)
    program = folder / "unpact"
    program.write_text(made % (folder / "out", codes))
    program.chmod(0o755)
    return site.submit(["--per-node", 1, *options], ["unlearn"], site=site.write(PROGRAM=str(program), SRUN_MPI="pmi2"))
