#!/usr/bin/env bash
# Sets up everything, then checks the style and runs the tests.
#   bash tools/run_tests.sh [options of pytest, such as -m "not slow"]
# tools/setup_env.sh tells which environment is used and made.
#
# The tests of detectors need mmcv's operators, which takes an environment of its own and, the first
# time, some minutes of compilation (tools/setup_det.sh). CI=true runs them there after all others;
# so does BAS_MM_DET=1, and BAS_MM_DET=0 does not. Elsewhere they are skipped.
set -euo pipefail

self=$(readlink -f -- "$0" 2>/dev/null || echo "$0") # the file that a link leads to
root=$(CDPATH= cd -- "$(dirname -- "$self")/.." && pwd)
# An interpreter that is to be used as it is has mmdetection, or cannot have it.
det=0
[ "${CI:-}" != true ] || [ "${BAS_MM_SKIP_SETUP:-0}" = 1 ] || det=1
det=${BAS_MM_DET:-$det}
making=
if [ "$det" = 1 ] && command -v flock >/dev/null 2>&1; then
    # Beside the other environment: pip is busy on one core. In a group of processes of its own, all
    # of which end with this script.
    set -m
    bash "$root/tools/setup_det.sh" true </dev/null &
    set +m
    making=$!
    trap 'kill -- "-$making" 2>/dev/null || true' EXIT
fi
. "$root/tools/setup_env.sh"
bas_mm_setup pytest
made=0
[ -z "$making" ] || wait "$making" || made=$?
trap - EXIT
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

if [ "$det" = 1 ]; then
    [ "$made" = 0 ] || {
        echo "error: the environment of detectors could not be made (above): their tests did not run" >&2
        exit "$made"
    }
    echo "The tests of detectors, in an environment of their own:" >&2
    # None may be skipped there.
    BAS_MM_REQUIRE_DET=1 bash "$root/tools/setup_det.sh" python -m pytest -m det
fi
exit "$style"
