#!/usr/bin/env bash
# Makes or finds the environment of detectors, and runs a command in it:
#   bash tools/setup_det.sh [COMMAND ARGUMENT ...]
#   bash tools/setup_det.sh python -m pytest -m det
#
# mmdetection needs mmcv with its operators, whose C++ sources do not build with the torch of
# requirements/pinned.txt. So this is an environment of its own, with what
# requirements/det_pinned.txt has in place of lines there: .venv-det, or det-* in BAS_MM_CACHE.
# How it is chosen and made is told in tools/setup_env.sh.
#
# The operators are compiled once. This took 3 min 18 s on 2 cores of an AMD EPYC with g++ 12, takes
# longer with other compilers, and needs C++17; where torch sees a GPU, a CUDA toolkit with nvcc as
# well. The wheel is kept in wheels/ of BAS_MM_CACHE (default: ~/.cache/bas_mm),
# in a folder for each version of mmcv, torch and Python, with CUDA and without, for pip itself would
# hand it to any torch.
set -euo pipefail

self=$(readlink -f -- "$0" 2>/dev/null || echo "$0") # the file that a link leads to
. "$(dirname -- "$self")/setup_env.sh"

bas_mm_venv_name=.venv-det
bas_mm_cache_prefix=det-
bas_mm_modules=(mmcv.ops mmdet.models)

# requirements/pinned.txt with the lines of det_pinned.txt in place of its own about the same.
bas_mm_det_pins() {
    awk '
        { name = tolower($0); sub(/[^a-z0-9_.-].*/, "", name) }
        FNR == NR { print; if (name != "") other[name] = 1; next }
        name == "" || !(name in other)
    ' "$bas_mm_root/requirements/det_pinned.txt" "$bas_mm_root/requirements/pinned.txt"
}

bas_mm_pins() { bas_mm_det_pins && cat "$bas_mm_root/requirements/crf.txt"; }

# What interpreter $1 needs the operators for here: cuda or cpu.
bas_mm_device() {
    "$1" -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")'
}

# Folder of the wheel for the interpreter $1, the requirement $2, such as onedl-mmcv==2.3.6, and
# cuda or cpu, $3.
bas_mm_wheel_folder() {
    "$1" -c '
import sys, sysconfig, torch
mmcv, device = sys.argv[1:]
python = "cp%d%d" % sys.version_info[:2]
print("-".join([mmcv.replace("==", "-"), "torch", torch.__version__, device, python,
                sysconfig.get_platform()]))
' "$2" "$3"
}

# Is there an nvcc that torch of interpreter $1 compiles with? It asks for its own major version.
bas_mm_check_nvcc() {
    local about cuda home release
    about=$("$1" -c '
import torch
from torch.utils.cpp_extension import CUDA_HOME
print(torch.version.cuda, CUDA_HOME)')
    read -r cuda home <<<"$about"
    release=$("$home/bin/nvcc" --version 2>/dev/null | sed -n 's/.* release \([0-9.]*\).*/\1/p') || true
    [ "${release%%.*}" = "${cuda%%.*}" ] ||
        bas_mm_die "torch sees a GPU, and needs nvcc of CUDA ${cuda%%.*} to compile the operators of \
mmcv for it; found: ${release:-no nvcc} (CUDA_HOME: $home). Install the CUDA toolkit $cuda and name its \
folder in CUDA_HOME; or set CUDA_VISIBLE_DEVICES= (empty) for operators that run on CPUs alone."
}

# Precompiles torch's headers as bas_mm_torch.hpp in folder $2, for the torch of interpreter $1 and a
# compiler with the flags $3. All of mmcv's sources include them; one of these then took 5 s of
# processor time in place of 16. Where g++ gets other flags than here, as a change in mmcv might
# bring, it reads the headers themselves: nothing breaks, it only takes longer.
bas_mm_precompile() {
    local include header=$2/bas_mm_torch.hpp
    # clang has another way, and refuses what does not fit.
    case $("${CXX:-c++}" -dM -E -x c++ /dev/null 2>&1) in
    *__clang__*) return 1 ;;
    *'#define __GNUC__ '*) ;;
    *) return 1 ;;
    esac
    include=$("$1" -c 'import torch; print(torch.__path__[0])')/include || return 1
    echo '#include <torch/types.h>' >"$header"
    # -fPIC is Python's flag for extensions, -std=c++17 that of mmcv's setup.py.
    # shellcheck disable=SC2086 # more than one flag
    "${CXX:-c++}" $3 -fPIC -std=c++17 -I "$include" -I "$include/torch/csrc/api/include" \
        -x c++-header "$header" -o "$header.gch"
}

# Build the wheel of requirement $2 in folder $3, with the environment in folder $1, for cuda or
# cpu, $4.
bas_mm_build_wheel() {
    local venv=$1 mmcv=$2 folder=$3 device=$4 log=$3/build.log building=$3/.building flags
    "${CXX:-c++}" --version >/dev/null 2>&1 ||
        bas_mm_die "the operators of mmcv must be compiled, and there is no C++ compiler \
(${CXX:-c++}). Install one (on Debian and Ubuntu: the package g++), or name it in CXX."
    [ "$device" = cpu ] || bas_mm_check_nvcc "$venv/bin/python"
    bas_mm_say "compiling the operators of mmcv, once: some minutes (log: $log)"
    rm -rf "$building" "$log"
    mkdir -p "$building"
    # setuptools takes CFLAGS in place of Python's own flags, so they need an -O of ours (without one, NMS
    # took 3.4 times as long); the user's come later and win. -g0: debug information is of no use here.
    flags="-O2 -DNDEBUG -fwrapv ${CFLAGS:-} -g0"
    # Not for CUDA, where nvcc takes most of the time, and where this was not tried.
    if [ "$device" = cpu ] &&
        bas_mm_precompile "$venv/bin/python" "$building" "$flags" >>"$log" 2>&1; then
        flags="$flags -include bas_mm_torch.hpp"
    fi
    # The header is found by CPLUS_INCLUDE_PATH, for a folder in CFLAGS must not have a space.
    CFLAGS=$flags CPLUS_INCLUDE_PATH=$building${CPLUS_INCLUDE_PATH:+:$CPLUS_INCLUDE_PATH} \
        MMCV_WITH_OPS=1 MAX_JOBS=${MAX_JOBS:-$(getconf _NPROCESSORS_ONLN)} PATH="$venv/bin:$PATH" \
        "$venv/bin/python" -m pip --disable-pip-version-check --no-input wheel --no-cache-dir \
        --no-build-isolation --no-deps -w "$building" "$mmcv" >>"$log" 2>&1 || {
        rm -rf "$building" # some hundred MB
        tail -n 20 "$log" >&2
        bas_mm_die "the operators of mmcv could not be compiled (above: the end of $log). They \
need a C++17 compiler and the headers of Python (on Debian and Ubuntu: g++ and python3-dev)."
    }
    # Not before it is whole; what an interruption leaves is no wheel.
    mv "$building"/*.whl "$folder"
    rm -rf "$building"
}

# mmcv with its operators: the wheel from the cache, built where it is not there.
bas_mm_install_mmcv() {
    local venv=$1 pinned=$2 mmcv device folder lines
    mmcv=$(grep '^onedl-mmcv==' "$pinned")
    lines=$(grep -E '^(setuptools|ninja|psutil|numpy)==' "$pinned")
    bas_mm_pip_install "$venv" -r /dev/stdin <<<"$lines"
    folder=${BAS_MM_CACHE:-${XDG_CACHE_HOME:-${HOME:-$bas_mm_root}/.cache}/bas_mm}/wheels
    device=$(bas_mm_device "$venv/bin/python")
    folder=$folder/$(bas_mm_wheel_folder "$venv/bin/python" "$mmcv" "$device")
    mkdir -p "$folder" || bas_mm_die "$folder, for the wheel of mmcv, cannot be made. Name another \
folder in BAS_MM_CACHE."
    if command -v flock >/dev/null 2>&1; then
        exec 8>"$folder/.lock"
        flock 8
    fi
    compgen -G "$folder/*.whl" >/dev/null || bas_mm_build_wheel "$venv" "$mmcv" "$folder" "$device"
    exec 8>&-
    bas_mm_say "mmcv with its operators from $folder"
    # Also over the same version without CUDA.
    bas_mm_pip_install "$venv" --no-deps --force-reinstall "$folder"/*.whl
    echo "$device" >"$venv/.bas_mm_device"
}

bas_mm_install() {
    bas_mm_det_pins >"$1/.bas_mm_pinned.txt"
    bas_mm_install_pinned "$1" "$2" "$1/.bas_mm_pinned.txt"
    bas_mm_install_crf "$1"
}

# An environment that was made without a GPU, as on a cluster's login node, gets the operators for
# CUDA where there is one. These run on CPUs as well: never the other way round.
bas_mm_update() {
    if [ "$(cat "$1/.bas_mm_device")" = cpu ] && [ "$(bas_mm_device "$1/bin/python")" = cuda ]; then
        bas_mm_install_mmcv "$1" "$1/.bas_mm_pinned.txt"
    fi
}

bas_mm_setup pytest
if [ "$#" -gt 0 ]; then
    export PATH="$(dirname "$BAS_MM_ENV_PYTHON"):$PATH"
    exec "$@"
fi
echo "[setup] activate it by: source $(dirname "$BAS_MM_ENV_PYTHON")/activate" >&2
