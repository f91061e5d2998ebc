# Shell functions shared by the scripts of this folder; to be sourced, not run.
# shellcheck shell=bash
#
# Environment that the scripts heed:
#   UNPACT_PRESET       CMake preset; by default `default` with a CUDA toolkit, `minimal` without
#   UNPACT_BUILD_DIR    build folder, by default build/<preset>
#   UNPACT_TEST_DATA    folder of the large test files; by default ../shared/data where it exists
#   UNPACT_PYTHON       Python (3.11 or later) to create .venv with
#   UNPACT_SKIP_SYSTEM  1: do not look at system packages (modules on a cluster provide them)
#   UNPACT_JOBS         parallel compile jobs; by default as many as cores and memory allow

UNPACT_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=$UNPACT_ROOT/.venv/bin/python

say() { printf '\n== %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$1" >&2
  shift
  for hint in "$@"; do printf '  %s\n' "$hint" >&2; done
  exit 1
}

checksum() { sha256sum | cut -d' ' -f1; }

# An installed toolkit need not be on the PATH, where CMake and Torch's package file look for it.
find_cuda_toolkit() {
  local home=${CUDA_HOME:-/usr/local/cuda}
  command -v nvcc >/dev/null && return 0
  [[ -x $home/bin/nvcc ]] || return 1
  export PATH=$home/bin:$PATH
}

choose_build() {
  if [[ -z ${UNPACT_PRESET:-} ]]; then
    if find_cuda_toolkit; then UNPACT_PRESET=default; else UNPACT_PRESET=minimal; fi
  fi
  UNPACT_BUILD_DIR=$(realpath -m "${UNPACT_BUILD_DIR:-$UNPACT_ROOT/build/$UNPACT_PRESET}")
  if [[ -z ${UNPACT_TEST_DATA:-} && -d $UNPACT_ROOT/../shared/data ]]; then
    UNPACT_TEST_DATA=$UNPACT_ROOT/../shared/data
  fi
  UNPACT_TEST_DATA=${UNPACT_TEST_DATA:+$(realpath "$UNPACT_TEST_DATA")}
  UNPACT_FIXTURES=$UNPACT_BUILD_DIR/fixtures
  export UNPACT_PRESET UNPACT_BUILD_DIR UNPACT_TEST_DATA UNPACT_FIXTURES
}

# One compiler needs up to 2 GB on LibTorch's headers: more jobs than memory allows end in the OOM killer.
compile_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ {print int($2 / 2097152)}' /proc/meminfo)
  [[ -n $memory && $memory -lt $cores ]] && cores=$memory
  echo "${UNPACT_JOBS:-$((cores > 0 ? cores : 1))}"
}

# Every script passes the same settings, so that going from one script to another rebuilds nothing.
configure_and_build() {
  choose_build
  say "Configure: preset '$UNPACT_PRESET' in $UNPACT_BUILD_DIR"
  (cd "$UNPACT_ROOT" && cmake --preset "$UNPACT_PRESET" -B "$UNPACT_BUILD_DIR" \
    -DUNPACT_TEST_DATA="$UNPACT_TEST_DATA" -DUNPACT_FIXTURES="$UNPACT_FIXTURES")
  local jobs
  jobs=$(compile_jobs)
  say "Build with $jobs jobs"
  cmake --build "$UNPACT_BUILD_DIR" --parallel "$jobs" "$@"
}

# Two ranks fit on a laptop, also as root in a container; unbound, because several runs may share the cores.
mpi_environment() {
  export OMP_NUM_THREADS=1
  export OMPI_MCA_rmaps_base_oversubscribe=1
  export OMPI_MCA_hwloc_base_binding_policy=none
  export OMPI_MCA_btl_vader_single_copy_mechanism=none
  if [[ $EUID == 0 ]]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
}

# fixtures NAME: writes the files of tests/NAME/make_fixtures.py, unless its Python files are those of the last time.
# Without the stamp at the end a broken attempt is made again.
fixtures() {
  local name=$1 folder=$UNPACT_ROOT/tests/$1 out=$UNPACT_FIXTURES/$1 key
  key=$(
    {
      find "$folder" -maxdepth 1 -name '*.py' ! -name 'test_*' -print0 | sort -z | xargs -0 cat
      cat "$UNPACT_ROOT/requirements.txt"
      echo "$UNPACT_TEST_DATA"
    } | checksum
  )
  if [[ -f $out/.stamp && $(<"$out/.stamp") == "$key" ]]; then
    echo "fixtures of tests/$name: up to date"
    return
  fi
  echo "fixtures of tests/$name: writing to $out"
  rm -rf "$out"
  mkdir -p "$out"
  "$PYTHON" "$folder/make_fixtures.py" --out "$out" ${UNPACT_TEST_DATA:+--data "$UNPACT_TEST_DATA"} || return 1
  echo "$key" >"$out/.stamp"
}
