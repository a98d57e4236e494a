#!/usr/bin/env bash
# Train with several processes: tools/dist_train.sh CONFIG PROCESSES [arguments of tools/train.py]
# NCCL with GPUs, gloo without. Several machines: NNODES, NODE_RANK, MASTER_ADDR, PORT.
# DRY_RUN=1 prints what would be launched.
set -euo pipefail
if [ $# -lt 2 ]; then sed -n '2,4s/^# //p' "$0"; exit 2; fi

config=$1
processes=$2
command=("${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$processes" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "${@:3}")
if [ -n "${DRY_RUN:-}" ]; then printf '%q ' "${command[@]}"; echo; else exec "${command[@]}"; fi
