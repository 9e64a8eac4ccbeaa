"""tools/analysis_tools/benchmark_loader.py."""

import json
import subprocess
import sys
from types import SimpleNamespace

import cv2
import pytest
from modules import load_module
from tiny_run import write_split_folder

from bas_mm.benchmarking import timing


@pytest.fixture(scope='module')
def script(repo_dir):
    return repo_dir / 'tools' / 'analysis_tools' / 'benchmark_loader.py'


@pytest.fixture
def benchmark(script):
    return load_module(script)


@pytest.fixture(autouse=True)
def threads_as_before():
    count = cv2.getNumThreads()
    yield
    cv2.setNumThreads(count)


def test_generated_pictures(benchmark, tmp_path, capsys):
    out = tmp_path / 'out.json'
    settings = ['--pictures', '8', '--rounds', '1', '--workers', '0', '1', '--out', str(out)]
    benchmark.main(settings)
    content = json.loads(out.read_text())
    text = capsys.readouterr().out
    assert set(content['workers']) == {'0', '1'}
    for workers, rows in content['workers'].items():
        assert {'recipe', 'torchvision', 'cached'} <= set(rows)
        assert ('turbojpeg' in rows) != ('turbojpeg is not measured' in text)
        assert rows['recipe']['ratio'] == 1
        for name, row in rows.items():
            assert 0 < row['images_per_s'] <= row['best']
            assert ('extrapolated' in row) == (workers == '1')
            assert f'  {name:12}{row["images_per_s"]:10.0f}' in text
    steps = content['steps_ms']
    assert min(steps.values()) > 0
    assert set(steps) >= {
        'read',
        'read and decode',
        'resize, pillow',
        'resize, torchvision',
        'resize, cv2',
        'cached, in place of these',
        'LocRandomCrop',
        'LocRandomFlip',
        'PackLocalizationInputs',
        'collate',
    }
    assert content['machine']['versions']['torchvision']


def test_generated_pictures_are_like_photographs(benchmark, tmp_path):
    benchmark.write_pictures(tmp_path, 2)
    for name in ('00000.jpg', '00001.jpg'):
        file = tmp_path / 'images' / name
        assert cv2.imread(str(file)).shape == (375, 500, 3)
        assert 80e3 < file.stat().st_size < 130e3


def test_figures_by_a_clock_of_our_own(benchmark, monkeypatch, tmp_path):
    """Passes of 8 pictures: 2 s of the recipe with one worker, 1 s of the other."""

    class Clock:
        wall = core = 0.0
        perf_counter = staticmethod(lambda: Clock.wall)
        process_time = staticmethod(lambda: Clock.core)

    def loader(cfg, seed):
        cost = cfg['dataset']['pipeline'][0]

        class Loader:
            def __iter__(self):
                for _ in range(2):
                    Clock.wall += cost
                    Clock.core += 0.25
                    yield dict(inputs=[0] * 4)

        assert cfg['dataset']['indices'] == 8
        assert cfg['num_workers'] in (1, 6)
        return Loader()

    monkeypatch.setattr(timing, 'time', Clock)
    monkeypatch.setattr('mmengine.runner.Runner', SimpleNamespace(build_dataloader=loader))
    rows = benchmark.measure_loaders(dict(dataset={}), dict(recipe=[1], other=[0.5]), 8, 3, 1)
    # The main process's 62.5 ms per picture allow 16 images per second, whatever the workers do.
    assert rows == dict(
        recipe=dict(images_per_s=4, best=4, ratio=1, main_ms=62.5, extrapolated=16),
        other=dict(images_per_s=8, best=8, ratio=2, main_ms=62.5, extrapolated=16),
    )
    # Six workers on four cores: 1 image per second of a core.
    monkeypatch.setattr(benchmark, 'usable_cores', lambda: 4)
    rows = benchmark.measure_loaders(dict(dataset={}), dict(recipe=[1]), 8, 3, 6)
    assert rows['recipe']['extrapolated'] == 8


REST = "dict(type='LocRandomCrop', crop_size=32), dict(type='PackLocalizationInputs')"


def write_config(folder, *beginning):
    """A training config of a split folder whose pipeline has this beginning."""
    data = write_split_folder(folder / 'data', dict(train=6, val=4, test=4))
    config = folder / 'config.py'
    config.write_text(f"""
default_scope = 'bas_mm'
train_dataloader = dict(
    batch_size=2, num_workers=2, prefetch_factor=3, persistent_workers=True, pin_memory=False,
    collate_fn=dict(type='default_collate'), sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='SplitFolder', data_root={str(data)!r}, data_prefix=dict(img_path='images'),
        classes=4, split_dir='metadata/train', with_boxes=False, pipeline=[
            {', '.join(beginning)}, {REST}]))
""")
    return str(config)


def measured(benchmark, folder, *arguments):
    """The rows of the loader without workers, and the names of the steps."""
    out = folder / 'out.json'
    benchmark.main([*arguments, '--rounds', '1', '--workers', '0', '--out', str(out)])
    content = json.loads(out.read_text())
    return content['workers']['0'], set(content['steps_ms'])


def test_config(benchmark, tmp_path, capsys):
    resize = "dict(type='LocResize', scale=(40, 40), interpolation='area')"
    config = write_config(tmp_path, "dict(type='LoadLocImage')", resize)
    # An interpolation that neither Pillow nor torchvision has.
    rows, steps = measured(benchmark, tmp_path, config)
    assert set(rows) == {'recipe', 'cached'}
    assert {name for name in steps if 'resize' in name} == {'resize, cv2'}
    said = capsys.readouterr().out
    assert "torchvision and turbojpeg are not measured: 'area' is not for both\n" in said
    options = ['--cfg-options', 'train_dataloader.dataset.pipeline.1.type=LocCenterCrop']
    with pytest.raises(SystemExit) as caught:
        measured(benchmark, tmp_path, config, *options)
    assert caught.value.code == 2
    assert "is ['LoadLocImage', 'LocCenterCrop', 'LocRandomCrop'" in capsys.readouterr().err


def test_config_that_crops_before_the_resize(benchmark, tmp_path, capsys):
    crop, resize = "dict(type='LocCropBottom', pixels=3)", "dict(type='LocResize', scale=40)"
    config = write_config(tmp_path, "dict(type='LoadLocImage')", crop, crop, resize)
    rows, steps = measured(benchmark, tmp_path, config)
    assert {'recipe', 'torchvision'} <= set(rows)
    assert 'cached' not in rows
    text = capsys.readouterr().out
    assert (
        'cached is not measured: the cache has no place for LocCropBottom, LocCropBottom\n' in text
    )
    assert {'LocCropBottom', 'LocCropBottom (2)', 'resize, cv2', 'resize, pillow'} <= steps


def test_config_with_a_cache(benchmark, tmp_path):
    """The recipe's cache is timed in a folder of this run; its own stays as it is."""
    cache = tmp_path / 'cache'
    config = write_config(
        tmp_path,
        f"dict(type='LoadResizedImage', cache_dir={str(cache)!r}, scale=40, backend='pillow')",
    )
    rows, steps = measured(benchmark, tmp_path, config)
    assert {'recipe', 'decoded', 'torchvision'} <= set(rows)
    assert 'cached' not in rows
    assert {'resize, pillow', 'cached, in place of these'} <= steps
    assert not cache.exists()


def test_cached_pipeline_without_its_cache_is_of_the_same_settings(benchmark):
    settings = dict(scale=(40, 30), interpolation='bicubic', backend='pillow')
    cached = dict(type='LoadResizedImage', cache_dir='c', check_size=False, jpeg_quality=9)
    beginning = benchmark.split([{**cached, **settings}, dict(type='LocRandomFlip')], '')
    pipelines = benchmark.variants(beginning, 'own')
    rest = dict(type='LocRandomFlip')
    assert pipelines['recipe'] == [{**cached, **settings, 'cache_dir': 'own'}, rest]
    load, resize = dict(type='LoadLocImage', check_size=False), dict(type='LocResize', **settings)
    assert pipelines['decoded'] == [load, resize, rest]
    assert pipelines['torchvision'][1] == {**resize, 'backend': 'torchvision'}


def test_mistyped_path_is_answered_before_torch_is_imported(script):
    command = [sys.executable, '-X', 'importtime', str(script), 'none.py']
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert 'the config none.py does not exist' in done.stderr
    assert '| torch\n' not in done.stderr
