#!/usr/bin/env bash
# Seeds on several processes of this machine, or of several ones.
#   bash tools/wsss/dist_make_seeds.sh CONFIG CHECKPOINT OUT GPUS [options of make_seeds.py]
# Variables: NNODES (1), NODE_RANK (0), MASTER_ADDR (127.0.0.1), PORT (29500), PYTHON (python).
set -euo pipefail

if [ $# -lt 4 ]; then
    echo "usage: $0 CONFIG CHECKPOINT OUT GPUS [options of tools/wsss/make_seeds.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
out=$3
gpus=$4
shift 4

self=$(readlink -f -- "$0" 2>/dev/null || echo "$0") # the file that a link leads to
tools=$(CDPATH= cd -- "$(dirname -- "$self")" && pwd)
root=$(CDPATH= cd -- "$tools/../.." && pwd)
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$tools/make_seeds.py" "$config" "$checkpoint" "$out" --launcher pytorch "$@"
