#!/bin/bash
# One machine with several GPUs: a process for each, NCCL between them.
#
#     examples/scale-out/one-machine.sh alexnet-torchvision folder:/data/photos --epochs 30 --out runs/photos
#
# Without GPUs it starts a process for every two cores. `alexlab train --processes N ...` does the same on the command line.
set -euo pipefail

gpus=$(command -v nvidia-smi > /dev/null && nvidia-smi --list-gpus | wc -l || true)
half=$(( $(nproc) / 2 ))
exec alexlab train "$@" --processes "$(( ${gpus:-0} > 0 ? gpus : half > 0 ? half : 1 ))" --continue
