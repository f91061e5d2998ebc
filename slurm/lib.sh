# What the scripts of this folder share; to be sourced by bash, not run.
# shellcheck shell=bash

# Keys of a site file: site.example.sh says what each means. Those with () are lists.
SITE_KEYS=(ACCOUNT PARTITION QOS CONSTRAINT MAX_TIME MEMORY GPUS_PER_NODE TASKS_PER_NODE CPUS_PER_TASK GPU PLAN_ARGS SIGNAL_SECONDS
  LAUNCH SRUN_MPI LAUNCH_ARGS SBATCH_ARGS PROGRAM CONTAINER_RUNTIME CONTAINER CONTAINER_MOUNTS NODE_GBPS NETWORK_GBPS)
SITE_LISTS=(PLAN_ARGS LAUNCH_ARGS SBATCH_ARGS)

# refuse PROBLEM REASON HINT: one message, in the program's own form.
refuse() {
  printf '%s: error: %s\n  reason: %s\n  hint:   %s\n' "$(basename "$0")" "$1" "$2" "$3" >&2
  exit 1
}
warn() { printf '%s: warning: %s\n' "$(basename "$0")" "$*" >&2; }
say() { printf '[%s] job %s: %s\n' "$(date +%FT%T)" "$SLURM_JOB_ID" "$*"; }
contains() { # contains WORD LIST...
  local word=$1 other
  shift
  for other in "$@"; do [[ $other != "$word" ]] || return 0; done
  return 1
}
joined() { # joined SEPARATOR WORD...
  local IFS=$1
  shift
  printf '%s' "$*"
}

# Checkout or unpacked bundle; site files may use it.
unpact_root=${unpact_root:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}

# site_file FOLDER: the site file that is meant.
site_file() { printf '%s' "${UNPACT_SITE:-$1/site.sh}"; }

# What a file sets that is no key, one name a line.
unknown_site_keys() {
  # shellcheck disable=SC2016 # for the shell that it is given to
  env -i PATH="$PATH" HOME="${HOME:-/}" unpact_root="$unpact_root" bash -c '
    ours=" $2 "
    before=" $(compgen -v | tr "\n" " ") "
    source "$1" >/dev/null 2>&1 || exit 0
    for name in $(compgen -v); do
      [[ $before == *" $name "* || $ours == *" $name "* || $name == [a-z_]* || $name == BASH* ]] || echo "$name"
    done' bash "$1" "${SITE_KEYS[*]} OPTARG OPTIND PIPESTATUS FUNCNAME LINENO REPLY SECONDS RANDOM PWD OLDPWD before ours"
}

# shellcheck disable=SC2034,SC2317 # used where this file is sourced
site_defaults() {
  ACCOUNT='' PARTITION='' QOS='' CONSTRAINT='' MAX_TIME='' MEMORY='' GPUS_PER_NODE='' TASKS_PER_NODE='' CPUS_PER_TASK=''
  GPU='' SIGNAL_SECONDS=300 LAUNCH=srun SRUN_MPI=pmix PROGRAM=unpact
  CONTAINER_RUNTIME=none CONTAINER='' CONTAINER_MOUNTS='' NODE_GBPS=0 NETWORK_GBPS=0
  site_environment() { :; }
}

# wrong_value KEY SHOULD FILE
wrong_value() { refuse "the site file has a wrong value" "$1 is '${!1}' in $3" "$1 should be $2"; }

# site_value KEY PATTERN SHOULD FILE: an empty value is wrong, too, unless the pattern takes it.
site_value() { [[ ${!1} =~ ^($2)$ ]] || wrong_value "$1" "$3" "$4"; }

check_site_values() {
  local file=$1 key number='[1-9][0-9]*' gbps='[0-9]+([.][0-9]+)?'
  local minutes='[0-9]+|[0-9]+:[0-9]{2}|([0-9]+-)?[0-9]+:[0-9]{2}:[0-9]{2}|[0-9]+-[0-9]+(:[0-9]{2})?'
  for key in PARTITION MAX_TIME GPUS_PER_NODE CPUS_PER_TASK; do
    [[ -n ${!key} ]] || refuse "the site file lacks a key" "$key is not set in $file" "site.example.sh says what it means"
  done
  site_value MAX_TIME "$minutes" "a time that sbatch knows: 12:00:00, 1-00:00:00 or minutes" "$file"
  site_value GPUS_PER_NODE '[0-9]+' "the number of GPUs of a node, 0 on CPUs" "$file"
  TASKS_PER_NODE=${TASKS_PER_NODE:-$GPUS_PER_NODE}
  site_value TASKS_PER_NODE "$number" "the number of ranks of a node: one a GPU; where there is none, say one for 8 cores" "$file"
  site_value CPUS_PER_TASK "$number" "the number of cores of a rank" "$file"
  site_value SIGNAL_SECONDS "$number" "seconds, at most 65535" "$file"
  ((SIGNAL_SECONDS <= 65535)) || wrong_value SIGNAL_SECONDS "at most 65535" "$file"
  site_value LAUNCH 'srun|mpirun' "srun or mpirun" "$file"
  site_value CONTAINER_RUNTIME 'none|pyxis|apptainer' "none, pyxis or apptainer" "$file"
  site_value NODE_GBPS "$gbps" "GB/s; 0: any" "$file"
  site_value NETWORK_GBPS "$gbps" "GB/s; 0: any" "$file"
  GPU=${GPU:-$([[ $GPUS_PER_NODE == 0 ]] && echo none || echo)}
  [[ -n $GPU ]] || refuse "the site file lacks a key" "GPU is not set in $file" "name it as unpact --plan.gpu does: h100, a100-80 ..."
  [[ $LAUNCH != srun || ($SRUN_MPI != none && -n $SRUN_MPI) ]] ||
    wrong_value SRUN_MPI "pmix or its like: without one srun starts N programs of one rank each" "$file"
  [[ $LAUNCH != mpirun || $CONTAINER_RUNTIME != pyxis ]] || wrong_value LAUNCH "srun, which starts pyxis' containers" "$file"
  [[ $CONTAINER_RUNTIME == none || -n $CONTAINER ]] || refuse "the site file lacks a key" "CONTAINER is not set in $file, CONTAINER_RUNTIME is" \
    "CONTAINER names the image"
}

# load_site FILE: checks it and sets its keys and site_environment().
load_site() {
  local file=$1 key unknown
  [[ -f $file ]] || refuse "there is no site file" "$file does not exist" \
    "copy slurm/site.example.sh (or one of slurm/sites) to slurm/site.sh and adapt it, or name one by UNPACT_SITE"
  bash -n "$file" 2>/dev/null || refuse "the site file is no bash" "$(bash -n "$file" 2>&1 | head -1)" "site.example.sh shows what it should be"
  unknown=$(unknown_site_keys "$file")
  [[ -z $unknown ]] || refuse "the site file has an unknown key" "${unknown//$'\n'/ } in $file" "known: ${SITE_KEYS[*]}; variables of your own: small letters"
  for key in "${SITE_KEYS[@]}"; do unset "$key"; done
  site_defaults
  # shellcheck source=/dev/null
  source "$file" || refuse "the site file ended with an error" "$file: status $?" "it should set variables and define site_environment() alone"
  for key in "${SITE_LISTS[@]}"; do
    [[ -v $key ]] || declare -ga "$key=()"
    [[ $(declare -p "$key") == 'declare -a'* ]] || wrong_value "$key" "a list: $key=(--one --two)" "$file"
  done
  check_site_values "$file"
}

# enter_site: what the program needs on this machine.
enter_site() {
  set +u # modules' scripts seldom bear it
  site_environment || refuse "site_environment() failed" "status $? on $(hostname -s)" "its commands must work on login and compute nodes"
  set -u
}

# The program as it is started, in the array `program`.
choose_program() {
  local mounts=() nv=()
  program=("$PROGRAM")
  [[ $CONTAINER_RUNTIME == apptainer ]] || return 0
  [[ -z $CONTAINER_MOUNTS ]] || mounts=(--bind "$CONTAINER_MOUNTS")
  [[ $GPUS_PER_NODE == 0 ]] || nv=(--nv)
  program=(apptainer exec "${nv[@]}" "${mounts[@]}" "$CONTAINER" "$PROGRAM")
}

# The program here, without what a surrounding job would tell its MPI.
plain() {
  local name drop=()
  while read -r name; do drop+=(-u "$name"); done < <(compgen -e | grep -E '^(SLURM|PMIX|PMI|OMPI_COMM)_?' || true)
  env "${drop[@]}" OMP_NUM_THREADS=1 "${program[@]}" "$@" </dev/null
}

# What starts ranks, in the array `launcher`. launch_with NODES RANKS_PER_NODE [EXCLUDED_NODES]
# --wait ends the step some time after the first rank is gone, and --kill-on-bad-exit=0 leaves the others until then: a rank that
# was killed ends the job, and the ranks that stop together with exit code 75 do not kill each other.
launch_with() {
  if [[ $LAUNCH == mpirun ]]; then
    launcher=(mpirun "${LAUNCH_ARGS[@]}") # takes nodes and ranks from Slurm
    return
  fi
  launcher=(srun --mpi="$SRUN_MPI" --wait=30 --kill-on-bad-exit=0 --no-kill=off --nodes="$1" --ntasks=$(($1 * $2)) --ntasks-per-node="$2"
    --distribution=block)
  ! scontrol show config | grep -qE '^TaskPlugin .*(affinity|cgroup)' || launcher+=(--cpu-bind=cores)
  [[ $GPUS_PER_NODE == 0 ]] || launcher+=(--gpu-bind=none) # each rank takes its GPU by its number on the node
  [[ -z ${3:-} ]] || launcher+=(--exclude="$3")
  if [[ $CONTAINER_RUNTIME == pyxis ]]; then
    launcher+=(--container-image="$CONTAINER")
    [[ -z $CONTAINER_MOUNTS ]] || launcher+=(--container-mounts="$CONTAINER_MOUNTS")
  fi
  launcher+=("${LAUNCH_ARGS[@]}")
}

# What every job sets for its program.
job_environment() {
  export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-$CPUS_PER_TASK}
  export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-$CPUS_PER_TASK} # srun of Slurm 22.05 to 23.02 does not look at sbatch's
  if [[ -z ${SLURM_JOB_END_TIME:-} ]]; then                        # Slurm before 23.02; in a container the program cannot ask
    local end
    end=$(squeue -h -j "$SLURM_JOB_ID" -o %e 2>/dev/null | head -1)
    if end=$(date -d "$end" +%s 2>/dev/null); then export SLURM_JOB_END_TIME=$end; fi
  fi
}

# record FOLDER: where and with what a job runs.
record() {
  mkdir -p "$1"
  scontrol show job "$SLURM_JOB_ID" >"$1/job.txt" 2>&1
  env | grep -E '^(SLURM|SBATCH|SRUN|NCCL|OMPI|PMIX|PRTE|UCX|FI|CUDA|OMP|UNPACT)_' | sort >"$1/environment.txt"
  {
    echo "host: $(hostname)"
    echo "slurm: $(sinfo --version 2>/dev/null)"
    echo "program: ${program[*]}: $(plain --version 2>&1 | tail -1)"
    echo "launcher: $("${launcher[0]}" --version 2>&1 | head -1)"
    if declare -F module >/dev/null; then module list 2>&1; fi
    nvidia-smi --query-gpu=index,name,driver_version,memory.total,pci.bus_id --format=csv 2>/dev/null
  } >"$1/versions.txt"
}

# run_and_wait COMMAND...: in the background, so that a signal that reaches this script goes on to the ranks.
run_and_wait() {
  local child status=0 again=0 said
  "$@" </dev/null &
  child=$!
  # shellcheck disable=SC2064 # this child
  trap "again=1; kill -USR1 $child 2>/dev/null" USR1
  while :; do
    said=0
    wait "$child" || said=$?
    [[ $again == 1 && $said == 127 ]] || status=$said
    [[ $again == 1 && $said != 127 ]] || break # the signal ended the wait, perhaps not the child
    again=0
  done
  trap - USR1
  return "$status"
}
