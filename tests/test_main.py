"""python -m bas_mm: a real process, and its answers to mistakes in this one."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import cv2
import forked_python
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from tiny_run import CLASSES, tiny_run_cfg

from bas_mm.__main__ import main
from bas_mm.apis import LocalizationInferencer
from bas_mm.registry import MODELS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def small_networks(one_thread) -> None:
    """One thread for all of them."""


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A config, a checkpoint with the config in it, and two pictures in a folder."""
    tmp_path = tmp_path_factory.mktemp('main')
    cfg = tiny_run_cfg(tmp_path / 'data', tmp_path / 'work', threshold=0.4)
    cfg.dump(tmp_path / 'tiny.py')
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('bas_mm'):
        model = MODELS.build(cfg.model)
    (tmp_path / 'broken.py').write_text('a = 1\nb = (\n')
    checkpoint = dict(state_dict=model.state_dict(), meta=dict(cfg=cfg.pretty_text))
    torch.save(checkpoint, tmp_path / 'tiny.pth')
    (tmp_path / 'pictures').mkdir()
    for name, size in (('a', (48, 64)), ('b', (52, 40))):
        picture = np.random.default_rng(0).integers(0, 255, (*size, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / 'pictures' / f'{name}.png'), picture)
    return tmp_path


def run(*arguments: object) -> None:
    main([str(argument) for argument in arguments])


@pytest.mark.slow
def test_localize_in_a_process(files):
    """Only the predictions go to standard output, and no bar to what is no terminal."""
    out = files / 'out'
    command = [sys.executable, '-m', 'bas_mm', 'localize', 'tiny.py', 'tiny.pth', 'pictures']
    done = subprocess.run(
        [*command, '--json', '--out-dir', str(out), '--save-masks', '--device', 'cpu'],
        cwd=files,
        env={'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'HOME': str(files)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed == json.loads((out / 'predictions.json').read_text())
    assert [Path(p['image']).name for p in printed['predictions']] == ['a.png', 'b.png']
    assert printed['predictions'][0]['class'] in CLASSES
    assert (out / 'vis' / 'a.png').is_file()
    assert cv2.imread(str(out / 'masks' / 'b.png'), cv2.IMREAD_UNCHANGED).shape == (52, 40)
    assert 'Inference' not in done.stderr
    wrong = subprocess.run(
        [sys.executable, '-m', 'bas_mm', 'localize', 'tiny.py', 'none.pth', 'pictures'],
        cwd=files,
        env={'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert wrong.returncode == 2
    assert wrong.stderr == 'bas_mm: error: the checkpoint none.pth does not exist\n'


def test_localize_prints_a_line_for_each_picture(files, capsys):
    pictures = files / 'pictures'
    run('localize', '-', files / 'tiny.pth', pictures, '--label', 'blue', '--threshold', 0.3)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f'{pictures / "a.png"}: blue 0.')
    assert ', box ' in lines[0]


@contextmanager
def terminal():
    """Standard output and error are a terminal of 50 columns; gives a list of what it is sent."""
    reader, writer = os.openpty()
    sent = []

    def read() -> None:
        with suppress(OSError):  # nobody writes any more
            while content := os.read(reader, 4096):
                sent.append(content)

    thread = Thread(target=read)
    thread.start()
    try:
        with open(writer, 'w', encoding='utf-8') as file, pytest.MonkeyPatch.context() as patch:
            patch.setenv('TERM', 'xterm')
            patch.delenv('NO_COLOR', raising=False)
            patch.setenv('COLUMNS', '50')
            patch.setattr(sys, 'stdout', file)
            patch.setattr(sys, 'stderr', file)
            yield sent
    finally:
        thread.join()
        os.close(reader)


@pytest.mark.parametrize('options', [[], ['--json']])
def test_a_bar_below_the_lines_of_a_terminal(files, options):
    pictures = files / 'pictures'
    with terminal() as sent:
        run('localize', '-', files / 'tiny.pth', pictures, '--label', 'blue', *options)
    text = re.sub(r'\x1b\[[\d;?]*[A-Za-z]', '', b''.join(sent).decode()).replace('\r', '\n')
    lines = [line.rstrip() for line in text.split('\n') if line.strip()]
    bars = [place for place, line in enumerate(lines) if line.startswith('Inference ━')]
    assert re.search(r'━ 2/2 \d+\.\d/s 0:00:00$', lines[bars[-1]])
    found = [place for place, line in enumerate(lines) if line.startswith(str(pictures))]
    if options:
        assert found == []
        assert json.loads('\n'.join(lines[bars[-1] + 1 :]))['complete'] is True
        return
    # Whole lines, though they are longer than the terminal is wide, with the bar below the last.
    for place, name in zip(found, ('a.png', 'b.png'), strict=True):
        line = rf'{re.escape(str(pictures / name))}: blue \d\.\d{{3}}, box( \d+\.\d){{4}}'
        assert re.fullmatch(line, lines[place])
        assert len(lines[place]) > 50
    assert bars[0] < found[0]
    assert found[-1] < bars[-1]


def test_a_box_of_nothing_is_told(files, capsys):
    pictures = files / 'pictures'
    run('localize', '-', files / 'tiny.pth', pictures, '--threshold', 0.9999999)
    for line in capsys.readouterr().out.splitlines():
        assert line.endswith('(nothing is above 1: the whole view)')


def test_two_thresholds_are_told_of_the_config_in_the_checkpoint_too(files, capsys):
    checkpoint = torch.load(files / 'tiny.pth', weights_only=False)
    cfg = Config.fromfile(files / 'tiny.py')
    cfg.test_evaluator = dict(type='LocalizationMetric', thresholds=[0.2])
    torch.save({**checkpoint, 'meta': dict(cfg=cfg.pretty_text)}, files / 'two.pth')
    run('localize', '-', files / 'two.pth', files / 'pictures')
    assert 'two.pth has two θ: boxes are at 0.4 ' in capsys.readouterr().err


def test_a_mistyped_path_is_answered_before_the_imports(files):
    code = (
        'import sys\nfrom bas_mm.__main__ import main\n'
        'try:\n    main(["localize", "bas_resnet50_cup", "x.pth", "a.jpg"])\n'
        'except SystemExit as error:\n    print(error.code, "torch" in sys.modules,'
        ' "mmengine" in sys.modules)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code],
        cwd=files,
        env={'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == '2 False False\n', done.stderr
    assert 'did you mean bas_resnet50_cub' in done.stderr


@pytest.mark.parametrize(
    ('program', 'name'), [('/x/bas_mm/__main__.py', 'python -m bas_mm'), ('/bin/bas_mm', 'bas_mm')]
)
def test_it_calls_itself_as_it_was_called(monkeypatch, capsys, program, name):
    monkeypatch.setattr(sys, 'argv', [program])
    with pytest.raises(SystemExit, match='0'):
        run('localize', '--help')
    assert capsys.readouterr().out.startswith(f'usage: {name} localize ')
    with pytest.raises(SystemExit, match='2'):
        run('localize')
    captured = capsys.readouterr().err
    assert captured.startswith('bas_mm: error: ')
    assert captured.endswith(f'(see {name} localize --help)\n')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['localise'], "invalid choice: 'localise'"),
        (['localize', 'tiny.py', 'tiny.pth'], 'required: inputs'),
        (['localize', 'tiny.py', 'tiny.pth', 'c.png'], 'the picture c.png does not exist'),
        (['localize', 'tiny.py', 'tiny.pth', 'pictures', '--save-maps'], 'need --out-dir'),
        (['localize', 'tiny.py', 'tiny.pth', 'pictures', '--label', 'rad'], 'there is red'),
        (['localize', 'broken.py', 'tiny.pth', 'pictures'], 'broken.py cannot be read: SyntaxE'),
        (['localize', 'pictures/a.png', 'tiny.pth', 'pictures'], 'a.png cannot be read: OSError'),
        (['localize', 'tiny.py', 'tiny.pth', 'tiny.py'], 'without such pictures by --skip-unread'),
        (['localize', 'tiny.py', 'tiny.pth', 'pictures', '--out-dir', 'tiny.py'], 'out_dir: noth'),
        (['localize', 'tiny.py', 'tiny.py', 'pictures'], 'the checkpoint tiny.py cannot be read'),
        (['localize', '-', 'tiny.pth', 'pictures', '--cfg-options', 'a=1'], 'which - is not'),
        (
            ['localize', 'tiny.py', 'tiny.pth', 'pictures', '--cfg-options']
            + ['model.head.hidden_channels=3'],
            'tiny.pth: The checkpoint does not fit the model',
        ),
        (
            ['localize', 'tiny.py', 'tiny.pth', 'pictures', '--cfg-options']
            + ['model.backbone.type=ResNot'],
            "tiny.py: model.backbone.type='ResNot': there is no model of this name",
        ),
        (['seeds', 'tiny.py', 'tiny.pth', 'pictures'], 'SegmentationSeedInferencer cannot use'),
        (['seeds', 'tiny.py', 'tiny.pth', 'pictures', '--save-seeds'], 'needs --out-dir'),
        (['segment', 'tiny.py', 'tiny.pth', 'pictures'], 'SegmentationInferencer cannot use'),
    ],
)
def test_mistakes_are_one_line(files, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(files)
    with pytest.raises(SystemExit) as info:
        run(*arguments)
    captured = capsys.readouterr()
    assert info.value.code == 2
    assert captured.out == ''
    lines = [line for line in captured.err.splitlines() if ': error: ' in line]
    assert len(lines) == 1
    assert message in lines[0]
    assert captured.err.rstrip().endswith(lines[0])


def test_what_was_printed_before_an_error_stays(files, capsys):
    pictures = files / 'pictures'
    with pytest.raises(SystemExit, match='2'):
        run('localize', '-', files / 'tiny.pth', pictures / 'b.png', files / 'tiny.py')
    captured = capsys.readouterr()
    (line,) = captured.out.splitlines()
    assert line.startswith(f'{pictures / "b.png"}: ')
    assert f'unreadable picture {files / "tiny.py"}: ' in captured.err
    assert ' skip_unreadable' not in captured.err


def test_an_interrupted_run_is_one_line(files, tmp_path, monkeypatch, capsys):
    forward = LocalizationInferencer.forward

    def stop_at_the_second(self, batch, **kwargs):
        if batch[0].position:
            raise KeyboardInterrupt
        return forward(self, batch, **kwargs)

    monkeypatch.setattr(LocalizationInferencer, 'forward', stop_at_the_second)
    pictures, out = files / 'pictures', tmp_path / 'out'
    with pytest.raises(SystemExit, match='130'):
        run('localize', '-', files / 'tiny.pth', pictures, '--out-dir', out, '--no-save-vis')
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == 'bas_mm: interrupted, 1 pictures are done'
    assert captured.out.startswith(f'{pictures / "a.png"}: ')
    written = json.loads((out / 'predictions.json').read_text())
    assert written['complete'] is False
    assert [Path(p['image']).name for p in written['predictions']] == ['a.png']


@pytest.mark.parametrize('options', [[], ['--json']])
def test_predictions_that_nobody_reads(files, tmp_path, options):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, '-m', 'bas_mm', 'localize', 'tiny.py', 'tiny.pth', 'pictures']
    done = forked_python.run(
        [*command, *options, '--device', 'cpu'],
        cwd=files,
        env={'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1', 'HOME': str(files)},
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    assert done.returncode == 141
    assert 'error' not in done.stderr
    assert 'Broken' not in done.stderr


def test_a_name_that_is_no_utf8(files, tmp_path, capsys):
    picture = tmp_path / os.fsdecode(b'\xff.png')
    picture.write_bytes((files / 'pictures/a.png').read_bytes())
    run('localize', '-', files / 'tiny.pth', picture)
    assert capsys.readouterr().out.startswith(f'{tmp_path}/\\udcff.png: ')


def test_seeds(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    cfg = Config.fromfile(ROOT / 'configs/wsss/bas_seg_small_embedded.py')
    model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict()), 'seg.pth')
    common = ['seeds', 'bas_seg_small_embedded', 'seg.pth', 'pictures', '--out-dir', 'out']
    run(*common, '--labels', '1', '3', '--save-seeds', '--background', 0.5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith('pictures/a.png: ')
    assert lines[0].count(',') == 1
    written = json.loads((files / 'out/predictions.json').read_text())
    assert [c['label'] for c in written['predictions'][0]['classes']] == [1, 3]
    assert (files / 'out/seeds/b.npz').is_file()
    assert (files / 'out/masks/b.png').is_file()


def test_segment(files, tmp_path, monkeypatch, capsys):
    """The pipeline's segmentor, by its config's name, or by the one in its checkpoint."""
    monkeypatch.chdir(tmp_path)
    cfg = Config.fromfile(ROOT / 'configs/deeplabv2/deeplabv2_small_embedded.py')
    with DefaultScope.overwrite_default_scope('bas_mm'):
        model = MODELS.build(cfg.model)
    meta = dict(cfg=cfg.pretty_text, dataset_meta=dict(classes=('nothing', *'abcd')))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), 'iter_1.pth')
    for config in ('deeplabv2_small_embedded', '-'):
        run('segment', config, 'iter_1.pth', files / 'pictures', '--out-dir', 'out')
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 3
        assert re.fullmatch(rf'{files}/pictures/a\.png: (\w+ [\d.]+%(, )?)+', lines[0])
    assert cv2.imread('out/masks/b.png', cv2.IMREAD_UNCHANGED).shape[:2] == (52, 40)
    assert (tmp_path / 'out/vis/b.png').is_file()


def test_unreadable_pictures_are_named_and_skipped(files, tmp_path, capsys):
    broken = tmp_path / 'c.png'
    broken.write_bytes(b'\x89PNG')
    folder = tmp_path / 'links'
    folder.mkdir()
    (folder / 'd.png').symlink_to('nowhere.png')
    inputs = broken, folder, files / 'pictures'
    run('localize', '-', files / 'tiny.pth', *inputs, '--skip-unreadable', '--json')
    captured = capsys.readouterr()
    printed = json.loads(captured.out)
    assert len(printed['predictions']) == 2
    assert [Path(entry['image']).name for entry in printed['unreadable']] == ['c.png', 'd.png']
    for entry in printed['unreadable']:
        assert entry['error'] in captured.err
