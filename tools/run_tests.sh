#!/usr/bin/env bash
# Sets up everything, then checks the style and runs the tests.
#   bash tools/run_tests.sh [options of pytest, such as -m "not slow"]
# tools/setup_env.sh tells which environment is used and made.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/tools/setup_env.sh"
bas_mm_setup pytest
cd "$root"

style=0
if "$BAS_MM_ENV_PYTHON" -m ruff --version >/dev/null 2>&1; then
    "$BAS_MM_ENV_PYTHON" -m ruff check . || style=1
    "$BAS_MM_ENV_PYTHON" -m ruff format --check . || style=1
    [ "$style" = 0 ] || echo "STYLE CHECK FAILED (above); this run fails whatever the tests say" >&2
else
    echo "ruff is not installed in this environment: no style check" >&2
fi
# Two at a time, where the plug-in for it is there and the options do not say otherwise.
share=()
case " $* " in
*" -n"* | *" -p no:xdist"*) ;;
*) if "$BAS_MM_ENV_PYTHON" -c 'import xdist' 2>/dev/null; then share=(-n 2 --dist loadfile); fi ;;
esac
tests=0
"$BAS_MM_ENV_PYTHON" -m pytest ${share[@]+"${share[@]}"} "$@" || tests=$?
[ "$tests" = 0 ] || exit "$tests"
exit "$style"
