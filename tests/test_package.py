import ast
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from mmengine.registry import DefaultScope, Registry

import bas_mm
from bas_mm import evaluation, registry
from bas_mm.datasets import readers
from bas_mm.utils import check_dependencies, register_all_modules
from bas_mm.utils.dependencies import REQUIREMENTS, Requirement, parse_release


def versions(**installed: str):
    """A stand-in for ``importlib.metadata.version`` that knows these distributions only."""

    def get_version(distribution: str) -> str:
        try:
            return installed[distribution.replace('-', '_')]
        except KeyError:
            raise metadata.PackageNotFoundError(distribution) from None

    return get_version


GOOD = dict(
    torch='2.10.0+cpu',
    onedl_mmengine='0.10.12',
    onedl_mmcv='2.3.6',
    onedl_mmpretrain='1.3.6',
    onedl_mmsegmentation='1.4.2',
)


def test_version():
    assert re.fullmatch(r'\d+\.\d+\.\d+', bas_mm.__version__)


def test_good_versions_pass_and_so_does_this_environment():
    check_dependencies(get_version=versions(**GOOD))
    check_dependencies()


def test_the_original_distributions_count_too():
    installed = {k.removeprefix('onedl_'): v for k, v in GOOD.items()}
    check_dependencies(get_version=versions(**installed))


@pytest.mark.parametrize(
    ('name', 'version', 'message'),
    [
        (
            'torch',
            '1.13.1',
            r'torch: torch 1\.13\.1 is installed; bas_mm needs >=2\.4\. '
            r'.*pip install "torch>=2\.4" torchvision',
        ),
        (
            'onedl_mmcv',
            '2.4.0',
            r'mmcv: onedl-mmcv 2\.4\.0 is installed; bas_mm needs >=2\.3\.0,<2\.4\. '
            r'.*pip install --no-cache-dir "onedl-mmcv>=2\.3\.0,<2\.4"',
        ),
        ('onedl_mmengine', '0.10.11', r'onedl-mmengine 0\.10\.11 is .*>=0\.10\.12,<1\.0'),
        (
            'onedl_mmpretrain',
            None,
            r'mmpretrain: onedl-mmpretrain is not installed; .*pip install "onedl-mmpretrain>=',
        ),
        ('onedl_mmsegmentation', '2.0', r'mmseg: onedl-mmsegmentation 2\.0 is installed'),
        ('onedl_mmsegmentation', '1.3.3', r'1\.3\.3 is installed; bas_mm needs >=1\.4\.0,<2\.0'),
    ],
)
def test_a_wrong_version_is_named_with_range_and_command(name, version, message):
    installed = {**GOOD, name: version}
    if version is None:
        del installed[name]
    with pytest.raises(ImportError, match=message) as info:
        check_dependencies(get_version=versions(**installed))
    assert len(str(info.value).splitlines()) == 2


def test_all_wrong_versions_come_in_one_message():
    with pytest.raises(ImportError) as info:
        check_dependencies(get_version=versions())
    assert len(str(info.value).splitlines()) == 1 + len(REQUIREMENTS)


@pytest.mark.parametrize(
    ('version', 'release'),
    [('2.10.0+cpu', (2, 10)), ('2.3.2.post2', (2, 3, 2)), ('1.0rc1', (1,)), ('0', (0,))],
)
def test_parse_release(version, release):
    assert parse_release(version) == release


def test_parse_release_of_something_else():
    with pytest.raises(ValueError, match='not a version'):
        parse_release('unknown')


def test_import_stays_cheap():
    """The check must come before the libraries' own import errors, so it imports none of them."""
    code = (
        'import sys, bas_mm; print([m for m in ("torch", "mmengine", "mmcv") if m in sys.modules])'
    )
    root = Path(bas_mm.__file__).parents[1]
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == '[]', done.stderr


def test_requirement_files_hold_the_same_ranges(repo_dir):
    lines = []
    for name in ('runtime', 'torch'):
        lines += (repo_dir / f'requirements/{name}.txt').read_text().splitlines()
    for requirement in REQUIREMENTS:
        assert requirement.distributions[0] + requirement.accepted in lines


def test_pinned_versions_are_in_the_accepted_ranges(repo_dir):
    pinned = re.findall(
        r'^([\w-]+)==([\w.]+)', (repo_dir / 'requirements/pinned.txt').read_text(), re.MULTILINE
    )
    for requirement in REQUIREMENTS:
        found = [version for name, version in pinned if name == requirement.distributions[0]]
        assert found
        for version in found:
            check_dependencies([requirement], lambda name, version=version: version)


def test_installing_never_asks_for_torch(repo_dir):
    """Neither directly nor through torchvision, whose newest release wants the newest torch."""
    lines = (repo_dir / 'requirements/runtime.txt').read_text().splitlines()
    names = [re.match(r'[\w-]+', line)[0] for line in lines if not line.startswith('#')]
    assert names
    assert not any(name.startswith('torch') for name in names)


# Where the distribution has another name than the module.
DISTRIBUTIONS = {'PIL': 'pillow', 'cv2': 'opencv-python', 'pydensecrf': 'pydensecrf2'}
DISTRIBUTIONS |= {item.module: item.distributions[0] for item in REQUIREMENTS}


def test_what_is_imported_is_required_and_the_other_way_round(repo_dir):
    """By the package itself or an extra: it must not depend on what its libraries require."""
    imported = set()
    for path in (*repo_dir.glob('bas_mm/**/*.py'), *repo_dir.glob('tools/**/*.py')):
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                imported.add(node.module.partition('.')[0])
    own = {path.stem for path in repo_dir.glob('tools/**/*.py')} | {'bas_mm'}
    modules = imported - sys.stdlib_module_names - own
    required = []
    for name in ('runtime', 'torch', 'coco', 'crf', 'export'):
        text = (repo_dir / f'requirements/{name}.txt').read_text(encoding='utf-8')
        required += re.findall(r'^[\w-]+', text, re.MULTILINE)
    required.remove('onnxscript')  # which torch imports
    assert {DISTRIBUTIONS.get(name, name) for name in modules} == {*required}


def test_pre_commit_has_the_pinned_ruff(repo_dir):
    repos = yaml.safe_load((repo_dir / '.pre-commit-config.yaml').read_text())['repos']
    revisions = {repo['repo'].rpartition('/')[2]: repo['rev'] for repo in repos}
    pinned = (repo_dir / 'requirements/pinned.txt').read_text()
    assert f'ruff=={revisions["ruff-pre-commit"].removeprefix("v")}\n' in pinned


def test_text_files_end_in_one_newline_and_lines_in_no_space(repo_dir):
    """What the hooks of .pre-commit-config.yaml ask for."""
    listed = subprocess.run(
        ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'],
        cwd=repo_dir,
        capture_output=True,
    )
    if listed.returncode:
        pytest.skip('no git checkout')
    for name in listed.stdout.decode().split('\0')[:-1]:
        content = (repo_dir / name).read_bytes() if (repo_dir / name).is_file() else b''
        if content and b'\0' not in content:
            assert re.search(rb'(\A|[^\n])\n\Z', content), f'{name}: not one newline at its end'
            space = re.search(rb'[ \t\r]+$', content, re.MULTILINE)
            assert space is None, f'{name}:{content[: space.start()].count(10) + 1}: trailing space'


def test_requirement_without_an_upper_end():
    assert Requirement('a', ('a',), '1.2').accepted == '>=1.2'
    assert Requirement('a', ('a',), '1.2', '2').accepted == '>=1.2,<2'


def test_register_all_modules_covers_every_registry_and_sets_the_scope():
    registries = [value for value in vars(registry).values() if isinstance(value, Registry)]
    ours = [r for r in registries if r.scope == 'bas_mm']
    assert len(ours) == len(registry.__all__)
    with DefaultScope.overwrite_default_scope('mmengine'):
        register_all_modules(init_default_scope=False)
        assert DefaultScope.get_current_instance().scope_name == 'mmengine'
        register_all_modules()
        assert DefaultScope.get_current_instance().scope_name == 'bas_mm'


def test_register_all_modules_imports_every_location():
    """In a process of its own, to which nothing of bas_mm's parts has been imported."""
    code = (
        'import sys\n'
        'from bas_mm.utils import register_all_modules\n'
        "assert not {'mmengine', 'torch'} & sys.modules.keys()\n"
        'register_all_modules()\n'
        'from bas_mm import registry\n'
        'parts = {p for name in registry.__all__ for p in getattr(registry, name)._locations}\n'
        'print(len(parts), parts - sys.modules.keys())\n'
    )
    root = Path(bas_mm.__file__).parents[1]
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=root)
    assert done.stdout.splitlines()[-1:] == ['9 set()'], done.stderr


def test_a_stock_runner_finds_our_modules_by_scope_alone():
    """In a process of its own: nothing of bas_mm is imported before the lookup."""
    code = (
        'from mmengine.registry import MODELS, DefaultScope\n'
        "DefaultScope.get_instance('run', scope_name='bas_mm')\n"
        "print(type(MODELS.build(dict(type='MobileNetV1', widen_factor=0.25))).__module__)\n"
    )
    root = Path(bas_mm.__file__).parents[1]
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == 'bas_mm.models.backbones.mobilenet_v1', done.stderr


@pytest.mark.parametrize(('scope', 'prefix'), [('bas_mm', ''), ('mmengine', 'bas_mm.')])
def test_a_stock_runner_finds_every_metric_and_reader(scope, prefix, repo_dir):
    """In a process of its own: the packages of both import none of them."""
    metrics = registered_in(repo_dir / 'bas_mm/evaluation', 'METRICS')
    assert metrics == sorted(evaluation.__all__)
    data_sets = registered_in(repo_dir / 'bas_mm/datasets', 'DATASETS')
    assert len(data_sets) > 10
    assert {*data_sets} <= {*readers.__all__}
    needed = dict(MapWriter=dict(out_dir='maps'))
    needed['CocoBoxWriter'] = dict(out_file='boxes.json', threshold=0.5)
    configs = [dict(type=prefix + name, **needed.get(name, {})) for name in metrics]
    code = (
        'import sys\n'
        'import bas_mm.evaluation\n'
        'from bas_mm.datasets import AnnotationError\n'
        'assert "torch" not in sys.modules\n'
        'from mmengine.evaluator import Evaluator\n'
        'from mmengine.registry import DATASETS, DefaultScope\n'
        f'DefaultScope.get_instance("run", scope_name={scope!r})\n'
        f'metrics = [type(metric).__name__ for metric in Evaluator({configs}).metrics]\n'
        # What follows would be found in any case otherwise.
        'assert "bas_mm.datasets.readers" not in sys.modules\n'
        f'with DATASETS.switch_scope_and_registry({scope!r}) as found:\n'
        f'    data_sets = [found.get({prefix!r} + name).__name__ for name in {data_sets}]\n'
        'print(*metrics)\n'
        'print(*data_sets)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=repo_dir
    )
    expected = [' '.join(metrics), ' '.join(data_sets)]
    assert done.stdout.splitlines()[-2:] == expected, done.stderr


def registered_in(folder: Path, registry: str) -> list[str]:
    """Names of the classes that the modules of a folder register."""
    pattern = re.compile(rf'@{registry}\.register_module\(\)\nclass (\w+)')
    return sorted(name for f in folder.rglob('*.py') for name in pattern.findall(f.read_text()))
