# Makes or finds the Python environment of bas_mm. By itself: bash tools/setup_env.sh
# The commands in tools/ source it:
#
#     . "$root/tools/setup_env.sh"
#     bas_mm_setup [MODULE ...]
#
# Afterwards BAS_MM_ENV_PYTHON is an interpreter that imports bas_mm and all it needs; MODULEs are
# what the command needs besides. The first of these that holds is taken:
#   BAS_MM_SKIP_SETUP=1      `python` as it is (or BAS_MM_PYTHON), whatever it has
#   an active environment    as it is, if it imports everything
#   BAS_MM_CACHE=FOLDER      an environment in FOLDER, one for each set of pinned versions
#   otherwise                .venv in the repository
# The last two are made with BAS_MM_PYTHON, else with the newest of Python 3.12, 3.11 and 3.10
# that there is, and are used again as long as requirements/pinned.txt and Python stay the same.
# tools/setup_det.sh makes the environment of detectors in the same way.

# The file that a link leads to. Where CDPATH is set, cd would print the folder, too.
bas_mm_root=$(readlink -f -- "${BASH_SOURCE[0]}" 2>/dev/null || echo "${BASH_SOURCE[0]}")
bas_mm_root=$(CDPATH= cd -- "$(dirname -- "$bas_mm_root")/.." && pwd)

# Commands change their folder afterwards, and call others.
case ${BAS_MM_CACHE:-/} in
/*) ;;
*) BAS_MM_CACHE=$PWD/$BAS_MM_CACHE ;;
esac

# What is another in tools/setup_det.sh: the folder in the repository, the beginning of its name in
# the cache, the modules that must import there; and the functions bas_mm_pins, bas_mm_install_mmcv,
# bas_mm_install and bas_mm_update.
bas_mm_venv_name=.venv
bas_mm_cache_prefix=
bas_mm_modules=()

bas_mm_say() { echo "[setup] $*" >&2; }

bas_mm_die() {
    echo "[setup] error: $*" >&2
    exit 1
}

# Does interpreter $1 import bas_mm with all its libraries, and the modules that follow?
bas_mm_imports_all() {
    local python=$1
    shift
    # The rarest first: where it is missing, the others need not be waited for.
    "$python" -W ignore -c '
import sys
from importlib import import_module
for name in [*sys.argv[1:], "bas_mm", "cv2", "torchvision", "mmpretrain.models", "mmseg.models"]:
    import_module(name)
' ${bas_mm_modules[@]+"${bas_mm_modules[@]}"} "$@"
}

# A Python of a version that bas_mm runs on, able to make environments.
bas_mm_find_python() {
    local candidate candidates=(python3.12 python3.11 python3.10 python3 python)
    [ -z "${BAS_MM_PYTHON:-}" ] || candidates=("$BAS_MM_PYTHON")
    for candidate in "${candidates[@]}"; do
        # Running it is the test: names that a version manager puts on PATH may lead nowhere.
        if "$candidate" -c '
import sys, venv, ensurepip
sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    bas_mm_die "no usable Python found (tried: ${candidates[*]}). bas_mm needs Python \
3.10, 3.11 or 3.12 with the modules venv and ensurepip (on Debian and Ubuntu: the package \
python3-venv). Set BAS_MM_PYTHON to such an interpreter."
}

# What an environment is made from: when this changes, it is made anew.
bas_mm_pins() { cat "$bas_mm_root/requirements/pinned.txt" "$bas_mm_root/requirements/crf.txt"; }

# What is the same as long as neither the above nor the interpreter $1 changes.
bas_mm_fingerprint() {
    bas_mm_pins | "$1" -c '
import hashlib, sys
print(hashlib.sha256(sys.stdin.buffer.read() + sys.version.encode()).hexdigest()[:16])
'
}

# pip install in the environment in folder $1.
bas_mm_pip_install() {
    local venv=$1
    shift
    "$venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet \
        --progress-bar off "$@"
}

# mmcv into the environment in folder $1, of the version in the pinned file $2.
bas_mm_install_mmcv() {
    # pip would keep a compiled mmcv and hand it to environments with another torch.
    bas_mm_pip_install "$1" --no-cache-dir --no-deps "$(grep '^onedl-mmcv==' "$2")"
}

# Fill the environment in folder $1 with the versions in file $3; $2 is the Python to make it with.
bas_mm_install_pinned() {
    local venv=$1 python=$2 pinned=$3 opencv
    bas_mm_say "making $venv with $("$python" -V) (some GB, a few minutes)"
    # All but our own files, so that an environment that an interruption left half-made is known.
    find "$venv" -mindepth 1 -maxdepth 1 ! -name '.bas_mm_*' -exec rm -rf {} +
    "$python" -m venv "$venv" || bas_mm_die "$python could not make an environment in $venv"

    bas_mm_say "1/4 torch and torchvision"
    grep -E '^torch(vision)?==' "$pinned" >"$venv/.bas_mm_torch.txt"
    bas_mm_pip_install "$venv" -c "$pinned" -r "$venv/.bas_mm_torch.txt"
    bas_mm_say "2/4 mmcv"
    bas_mm_install_mmcv "$venv" "$pinned"
    bas_mm_say "3/4 everything else in requirements/pinned.txt"
    bas_mm_pip_install "$venv" -r "$pinned"
    if ! "$venv/bin/python" -c 'import cv2' 2>/dev/null; then
        # Machines without a screen may lack the graphics libraries that opencv-python links to.
        bas_mm_say "opencv-python does not import here: putting opencv-python-headless over it"
        opencv=$(grep '^opencv-python==' "$pinned")
        bas_mm_pip_install "$venv" --no-deps --force-reinstall \
            "opencv-python-headless==${opencv#*==}"
    fi
    bas_mm_say "4/4 checking that it imports"
    bas_mm_imports_all "$venv/bin/python" pytest ||
        bas_mm_die "the installed environment does not import; see the error above"
}

# The dense CRF into the environment in folder $1.
bas_mm_install_crf() {
    local venv=$1
    # Not to be had ready-made: where it cannot be compiled, all but the dense CRF works.
    if ! bas_mm_pip_install "$venv" -r "$bas_mm_root/requirements/crf.txt" \
        >"$venv/.bas_mm_crf.log" 2>&1; then
        bas_mm_say "pydensecrf2 could not be built (it needs a C++ compiler; see \
$venv/.bas_mm_crf.log): the steps that use the dense CRF will say so"
    fi
}

# Fill the environment in folder $1; $2 is the Python to make it with.
bas_mm_install() {
    bas_mm_install_pinned "$1" "$2" "$bas_mm_root/requirements/pinned.txt"
    bas_mm_install_crf "$1"
}

# What a complete environment in folder $1 lacks on this machine: nothing here.
bas_mm_update() { :; }

# Make sure that the environment in folder $1 is there, complete, and has this checkout installed.
bas_mm_ensure_venv() {
    local venv=$1 python=$2 fingerprint
    fingerprint=$(bas_mm_fingerprint "$python")
    if [ -e "$venv" ] && [ ! -e "$venv/.bas_mm_state" ] && [ -n "$(ls -A "$venv")" ]; then
        if bas_mm_imports_all "$venv/bin/python" pytest 2>/dev/null; then
            bas_mm_say "using $venv as it is"
            return
        fi
        bas_mm_die "$venv was not made by this script and does not import everything. Remove it, \
or activate an environment that does, or give another folder with BAS_MM_CACHE."
    fi
    mkdir -p "$venv"
    # Two commands started together must not both install.
    if command -v flock >/dev/null 2>&1; then
        exec 9>"$venv/.bas_mm_lock"
        flock 9
    fi
    if [ "$(cat "$venv/.bas_mm_state" 2>/dev/null)" != "$fingerprint" ]; then
        echo 'not complete' >"$venv/.bas_mm_state"
        bas_mm_install "$venv" "$python"
        # Last of all: what is interrupted before this line starts from nothing next time.
        echo "$fingerprint" >"$venv/.bas_mm_state"
    fi
    bas_mm_update "$venv"
    if [ "$(cat "$venv/.bas_mm_checkout" 2>/dev/null)" != "$bas_mm_root" ]; then
        # Nor must two environments at once have pip write its notes about this checkout.
        if command -v flock >/dev/null 2>&1; then
            exec 7>>"$bas_mm_root/requirements/pinned.txt" # for writing, as NFS asks; it stays as it is
            flock 7
        fi
        bas_mm_pip_install "$venv" --no-deps --no-build-isolation -e "$bas_mm_root"
        exec 7<&-
        echo "$bas_mm_root" >"$venv/.bas_mm_checkout"
    fi
    exec 9>&-
    bas_mm_say "environment: $venv"
}

bas_mm_setup() {
    local python venv
    # This checkout, also where another one is installed.
    export PYTHONPATH="$bas_mm_root${PYTHONPATH:+:$PYTHONPATH}"
    if [ "${BAS_MM_SKIP_SETUP:-0}" = 1 ]; then
        BAS_MM_ENV_PYTHON=$(command -v "${BAS_MM_PYTHON:-python}") ||
            bas_mm_die "BAS_MM_SKIP_SETUP=1, but there is no ${BAS_MM_PYTHON:-python}"
        bas_mm_say "BAS_MM_SKIP_SETUP=1: using $BAS_MM_ENV_PYTHON as it is"
        return
    fi
    venv=$bas_mm_root/$bas_mm_venv_name
    if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && [ "${VIRTUAL_ENV:-}" != "$venv" ]; then
        if python=$(command -v python) && bas_mm_imports_all "$python" "$@" 2>/dev/null; then
            BAS_MM_ENV_PYTHON=$python
            bas_mm_say "using the active environment: $python"
            return
        fi
        bas_mm_say "the active environment does not import everything, so it is left alone"
    fi
    [ -f "$bas_mm_root/requirements/pinned.txt" ] ||
        bas_mm_die "$bas_mm_root has no requirements/pinned.txt: no environment can be made from an \
installed package. Activate the one that it is installed in, or, where that is no virtual \
environment, set BAS_MM_SKIP_SETUP=1."
    python=$(bas_mm_find_python) || exit 1
    if [ -n "${BAS_MM_CACHE:-}" ]; then
        venv=$BAS_MM_CACHE/$bas_mm_cache_prefix$(bas_mm_fingerprint "$python")
        if ! mkdir -p "$venv" 2>/dev/null || [ ! -w "$venv" ]; then
            bas_mm_say "$BAS_MM_CACHE cannot be written to; using $bas_mm_venv_name"
            venv=$bas_mm_root/$bas_mm_venv_name
        fi
    fi
    bas_mm_ensure_venv "$venv" "$python"
    BAS_MM_ENV_PYTHON=$venv/bin/python
    # As activating it would do: scripts that call `python` get this one.
    export VIRTUAL_ENV=$venv PATH="$venv/bin:$PATH"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -euo pipefail
    bas_mm_setup "$@"
fi
