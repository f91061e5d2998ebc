# What a site is like. Copy to slurm/site.sh (git leaves it alone) or name a copy by UNPACT_SITE. Sourced by bash on login and
# compute nodes: it should set these keys and define site_environment(), nothing else. Variables of your own: small letters.
# `unpact_root` is this checkout or unpacked bundle. A key that is left out has the value after its "default:".
# shellcheck shell=bash disable=SC2034,SC2154,SC1091

# --- what sbatch is told
ACCOUNT=''                 # --account; default: none
PARTITION=gpu              # --partition (sinfo -s lists them)
QOS=''                     # --qos; default: none
CONSTRAINT=''              # --constraint; default: none
MAX_TIME=1-00:00:00        # the longest --time that is allowed, and what a job gets without --time
MEMORY=0                   # --mem of a node; 0: all of it; default: as the site has it
SBATCH_ARGS=(--exclusive)  # anything else, e.g. --gres=gpu:4 --mail-type=FAIL; default: nothing

# --- a node
GPUS_PER_NODE=4            # 0: a cluster of CPUs
TASKS_PER_NODE=4           # ranks of a node; default: one a GPU
CPUS_PER_TASK=8            # cores of a rank
GPU=h100                   # what plans are made for: a name that `unpact reproduce --plan.gpu` knows; default on CPUs: none
PLAN_ARGS=()               # a GPU that it does not know: (--plan.gpu_memory 64 --plan.peak_tflops 300); default: nothing

# --- how a job starts and stops
SIGNAL_SECONDS=300         # how long before its end a job is asked to stop: longer than the longest step and a save; default: 300
LAUNCH=srun                # srun or mpirun; default: srun
SRUN_MPI=pmix              # of `srun --mpi=list`: pmix for Open MPI; default: pmix
LAUNCH_ARGS=()             # more options of srun or mpirun; default: nothing

# --- where the program is
PROGRAM=unpact             # name or path, in the container if there is one; default: unpact
CONTAINER_RUNTIME=none     # none, apptainer, or pyxis (srun --container-image); default: none
CONTAINER=''               # its image
CONTAINER_MOUNTS=''        # folders to be seen inside: /scratch:/scratch,/data:/data

# --- what the preflight demands: GB/s that a rank receives; default: 0, any
NODE_GBPS=0                # inside a node
NETWORK_GBPS=0             # over all nodes

# What the program needs, on login and compute nodes.
site_environment() {
  module purge
  module load gcc openmpi hdf5
  # or, with the bundle: source "$unpact_root/environment"
  export NCCL_SOCKET_IFNAME=ib0
}
