"""Fixtures shared by all tests: data beside the repository, golden inputs, registry scope."""

import gc
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

# Tests run on CPUs, and what they run in this process is compared with commands that do. mmengine
# looks for a GPU when it is imported.
os.environ.setdefault('CUDA_VISIBLE_DEVICES', '-1')

import cv2
import pytest
import torch
from mmengine.registry import DefaultScope
from yapf.yapflib import yapf_api

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / 'shared'


def pytest_configure(config: pytest.Config) -> None:
    # Its threads do not go with a fork, which would wait for them when it sets their number.
    cv2.setNumThreads(1)
    # More threads than cores make small CPU tests slower, and two are there everywhere. Where two
    # processes share the tests (pytest-xdist) each has one, and so have the commands they start.
    if 'PYTEST_XDIST_WORKER' in os.environ:
        os.environ['OMP_NUM_THREADS'] = '1'
        torch.set_num_threads(1)
    elif 'OMP_NUM_THREADS' not in os.environ:
        torch.set_num_threads(2)
    # `--dist loadfile` would begin with the files of the most tests: those of a few slow ones would
    # come last, one process at work on them and the others idle.
    if hasattr(config.option, 'loadscopereorder'):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Files with slow tests first: quick ones fill the gaps at the end.
    slow = {item.path for item in items if item.get_closest_marker('slow') is not None}
    items.sort(key=lambda item: item.path not in slow)
    # Where tools/run_tests.sh has made the environment for them, nothing may be skipped.
    if os.environ.get('BAS_MM_REQUIRE_DET') == '1':
        return
    names = ('mmdet', 'mmcv._ext')
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if not missing:
        return
    skip = pytest.mark.skip(
        reason=f'no {" and no ".join(missing)} here: bash tools/setup_det.sh pytest -m det'
    )
    for item in items:
        if item.get_closest_marker('det') is not None:
            item.add_marker(skip)


def pytest_unconfigure() -> None:
    gc.unfreeze()  # some libraries report what is left at the end


def _shared(*parts: str) -> Path:
    path = SHARED.joinpath(*parts)
    if not path.exists():
        message = f'shared data not beside the repository: ../shared/{"/".join(parts)}'
        if os.environ.get('BAS_MM_REQUIRE_SHARED') == '1':
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope='session')
def repo_dir() -> Path:
    """The repository's root."""
    return REPO


@pytest.fixture(scope='session')
def golden_dir() -> Path:
    """Folder of the golden figures; skips or, with ``BAS_MM_REQUIRE_SHARED=1``, fails without."""
    return _shared('golden')


@pytest.fixture(scope='session')
def critters_dir() -> Path:
    """Folder of the small real data set; skips where it is absent."""
    return _shared('data', 'critters')


@pytest.fixture(scope='session')
def bad_image() -> Path:
    """A photograph cut short; skips where it is absent."""
    return _shared('data', 'bad', 'truncated.jpg')


@pytest.fixture(scope='session')
def golden_formula(golden_dir: Path) -> ModuleType:
    """The module that rebuilds the golden inputs (``fill``, ``image``, ``make_score_maps``)."""
    spec = importlib.util.spec_from_file_location('bas_golden_formula', golden_dir / 'formula.py')
    module = importlib.util.module_from_spec(spec)
    # ../shared may be read-only; and no bytecode belongs there.
    write_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = write_bytecode
    return module


@pytest.fixture(scope='session')
def randomize() -> Callable[..., None]:
    """``randomize(module, seed=0)``: values that show whether and where each weight is used.

    Random weights, biases and running statistics that keep activations in range in deep networks;
    the same values for the same names and shapes.
    """

    def fill(module: torch.nn.Module, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        for name, value in module.state_dict().items():
            if name.endswith('num_batches_tracked'):
                continue
            random = torch.rand(value.shape, generator=generator, dtype=torch.float64)
            if value.dim() > 1:
                random = (random - 0.5) * 2 * (6 / value[0].numel()) ** 0.5
            elif name.endswith(('running_var', 'weight')):
                random = random + 0.5
            else:
                random = (random - 0.5) * 0.2
            # In place: state_dict() shares its tensors with the module.
            value.copy_(random)

    return fill


@pytest.fixture(scope='session', autouse=True)
def what_commands_leave_is_deleted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Launchers and killed processes leave folders in TMPDIR: they go with pytest's own."""
    folder = tmp_path_factory.mktemp('t')
    # Sockets of processes lie there as well, and their paths have 108 bytes at most.
    if len(os.fsencode(folder / 'pymp-12345678' / 'listener-12345678')) > 107:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        # What is compiled is kept for the next tests.
        if 'TORCHINDUCTOR_CACHE_DIR' not in os.environ:
            compiled = Path(tempfile.gettempdir(), f'torchinductor_{os.getuid()}')
            patch.setenv('TORCHINDUCTOR_CACHE_DIR', str(compiled))
        patch.setenv('TMPDIR', str(folder))
        patch.setattr(tempfile, 'tempdir', str(folder))
        yield


@pytest.fixture(scope='module', autouse=True)
def what_is_there_stays() -> None:
    """mmengine's data sets collect garbage when they are built, hundreds of times: not of old."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope='session', autouse=True)
def each_text_is_formatted_once() -> Iterator[None]:
    """A run has the text of its config formatted four times, each up to ten seconds of yapf's."""
    format_code = yapf_api.FormatCode
    formatted: dict[str, tuple[str, bool]] = {}

    def format_once(text: str, **style) -> tuple[str, bool]:
        if text not in formatted:
            formatted[text] = format_code(text, **style)
        return formatted[text]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yapf_api, 'FormatCode', format_once)
        yield


@pytest.fixture
def one_thread() -> Iterator[None]:
    """On small pictures threads would mostly wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def bas_mm_scope():
    """Run each test with ``bas_mm`` as mmengine's default scope, and put the old one back."""
    with DefaultScope.overwrite_default_scope('bas_mm'):
        yield
