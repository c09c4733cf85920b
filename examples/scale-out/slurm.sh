#!/bin/bash
# Several machines under Slurm: torchrun once on each, which starts a process for each GPU.
#
#     sbatch --nodes 2 examples/scale-out/slurm.sh alexnet-torchvision folder:/data/photos --epochs 30 --out /shared/runs/photos
#
# The run's folder must lie where all machines see it. After a requeue the job has the same number, and goes on with its own run.
#SBATCH --job-name=alexlab
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@120
set -euo pipefail

machines=${SLURM_NNODES:?run this with sbatch}
names=$(scontrol show hostnames "$SLURM_JOB_NODELIST") # all of them: a reader that stops at the first would end scontrol by SIGPIPE
first=${names%%$'\n'*}
port=$(( 20000 + SLURM_JOB_ID % 20000 ))
here=${SLURM_GPUS_ON_NODE:-1} # processes on each machine
export OMP_NUM_THREADS=$(( ${SLURM_CPUS_PER_TASK:-1} / here > 0 ? ${SLURM_CPUS_PER_TASK:-1} / here : 1 ))
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 # PyTorch 2.13 would not tell a machine that comes back where to meet

# c10d finds out by itself who is first; --max-restarts is for processes that fail while the machines stay.
srun --kill-on-bad-exit=1 torchrun --nnodes "$machines" --nproc-per-node "$here" --max-restarts 3 \
    --rdzv-id "$SLURM_JOB_ID" --rdzv-backend c10d --rdzv-endpoint "$first:$port" \
    -m alexlab train "$@" --wait 300
