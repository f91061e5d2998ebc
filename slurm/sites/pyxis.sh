# A GPU cluster whose Slurm starts containers (NVIDIA's pyxis and enroot). The image is made from a bundle (docs/cluster.md); the
# same bundle, unpacked, plans on the login node. One MPI program a step: pyxis and PMIx allow no more.
# shellcheck shell=bash disable=SC2034,SC2154,SC1091
ACCOUNT=my-project
PARTITION=defq
MAX_TIME=4:00:00
GPUS_PER_NODE=8
CPUS_PER_TASK=14
GPU=h100
SRUN_MPI=pmix
CONTAINER_RUNTIME=pyxis
CONTAINER=/lustre/my-project/unpact.sqsh
CONTAINER_MOUNTS=/lustre:/lustre
LAUNCH_ARGS=(--no-container-remap-root)
NODE_GBPS=100
NETWORK_GBPS=10

site_environment() {
  # On the login node alone: inside of the container the program finds its own libraries.
  if [[ -z ${SLURM_JOB_ID:-} ]]; then source "$unpact_root/environment"; fi
  export OMPI_MCA_btl_vader_single_copy_mechanism=none  # Open MPI 4: ptrace is not allowed in most containers
}
