# A cluster of CPUs with Apptainer; mpirun of the host starts the ranks, whose Open MPI in the image has the same major version.
# shellcheck shell=bash disable=SC2034,SC2154,SC1091
PARTITION=standard
MAX_TIME=2-00:00:00
MEMORY=0
GPUS_PER_NODE=0
TASKS_PER_NODE=8
CPUS_PER_TASK=8
LAUNCH=mpirun
LAUNCH_ARGS=(--map-by slot:PE=8 --bind-to core)
CONTAINER_RUNTIME=apptainer
CONTAINER=/home/my-group/unpact.sif
CONTAINER_MOUNTS=/scratch

site_environment() {
  module load apptainer openmpi/4
  export OMPI_MCA_btl_vader_single_copy_mechanism=none
}
