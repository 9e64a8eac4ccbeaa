#!/usr/bin/env bash
# Sets up everything, then trains CAM and BAS on the embedded data and shows what came out.
#   bash tools/quickstart.sh [options of tools/quickstart.py]
# tools/setup_env.sh tells which environment is used and made.
set -euo pipefail

self=$(readlink -f -- "$0" 2>/dev/null || echo "$0") # the file that a link leads to
root=$(CDPATH= cd -- "$(dirname -- "$self")/.." && pwd)
. "$root/tools/setup_env.sh"
bas_mm_setup
exec "$BAS_MM_ENV_PYTHON" "$root/tools/quickstart.py" "$@"
