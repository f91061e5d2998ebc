# A GPU cluster with environment modules; unpact was built there (or by Spack) with the site's own Open MPI.
# shellcheck shell=bash disable=SC2034,SC2154,SC1091
ACCOUNT=my-project
PARTITION=gpu
MAX_TIME=1-00:00:00
MEMORY=0
SBATCH_ARGS=(--exclusive)
GPUS_PER_NODE=4
CPUS_PER_TASK=16
GPU=h100
SRUN_MPI=pmix
NODE_GBPS=50
NETWORK_GBPS=5
PROGRAM=$unpact_root/build/default/unpact

site_environment() {
  module purge
  module load gcc/13 cuda openmpi hdf5
  source "$unpact_root/.venv/bin/activate"
  # The network of the nodes, as the site's pages name it; without these lines NCCL and UCX choose themselves.
  export NCCL_SOCKET_IFNAME=ib0
  export UCX_TLS=rc,sm,self
}
