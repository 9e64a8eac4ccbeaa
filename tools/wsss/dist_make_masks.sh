#!/usr/bin/env bash
# Pseudo masks on several processes of this machine, or of several ones.
#   bash tools/wsss/dist_make_masks.sh CONFIG CHECKPOINT SEEDS OUT GPUS [options of make_masks.py]
# Variables: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1), PORT (29500), PYTHON (python).
set -euo pipefail

if [ $# -lt 5 ]; then
    echo "usage: $0 CONFIG CHECKPOINT SEEDS OUT GPUS [options of tools/wsss/make_masks.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
seeds=$3
out=$4
gpus=$5
shift 5

self=$(readlink -f -- "$0" 2>/dev/null || echo "$0") # the file that a link leads to
tools=$(CDPATH= cd -- "$(dirname -- "$self")" && pwd)
root=$(CDPATH= cd -- "$tools/../.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$tools/make_masks.py" "$config" "$checkpoint" "$seeds" "$out" --launcher pytorch "$@"
