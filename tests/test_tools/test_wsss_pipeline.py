"""The whole pipeline by its command on a few small pictures; killed in any step, the same masks."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import forked_python
import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from tiny_pipeline import SET, write_pipeline
from tiny_project import forked, run_in_process

from bas_mm.apis import pipeline_sheet
from bas_mm.datasets import UnreadableImageError
from bas_mm.utils import worker_processes
from bas_mm.utils.result_files import write_json
from bas_mm.wsss.pipeline import runner
from bas_mm.wsss.pipeline.plan import plan

pytest.importorskip('pydensecrf', reason='pydensecrf2, the extra `crf`, is not installed')

TOOL = Path(__file__).resolve().parents[2] / 'tools/wsss/run_pipeline.py'
MAKING = ('cam', 'bas', 'cam_seeds', 'bas_seeds', 'fused_seeds', 'irn_labels', 'irn', 'masks')
STEPS = (*MAKING, 'eval_seeds', 'eval_masks', 'segmentor', 'test')


def _arguments(config: Path, *options: str) -> list[str]:
    return [str(config), '--work-dir', 'work', '--num-workers', '1', *options]


def _run(config: Path, cwd: Path, *options: str) -> str:
    done = run_in_process(TOOL, _arguments(config, *options), cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _masks(work: Path) -> dict[str, np.ndarray]:
    masks = {p.name: np.array(Image.open(p)) for p in sorted((work / 'masks').glob('*.png'))}
    assert len(masks) == SET['num_train']
    return masks


def test_a_work_folder_that_cannot_be_made(tmp_path):
    config = write_pipeline(tmp_path)
    done = run_in_process(TOOL, [str(config), '--work-dir', f'{config}/work'], tmp_path)
    assert done.returncode == 2
    assert 'error: ' in done.stderr
    assert f'Not a directory: {f"{config}/work"!r}' in done.stderr.strip().splitlines()[-1]


def test_what_is_refused(tmp_path):
    config = write_pipeline(tmp_path)
    broken = tmp_path / 'broken.py'
    broken.write_text('cam =')
    heir = tmp_path / 'heir.py'
    heir.write_text("_base_ = 'bas_mm::wsss/pipeline_small_embedded.py'")
    for arguments, said in (
        ([config, '--pictures', '-1'], '--pictures must be 0 or more, got -1'),
        ([broken], f'the config {broken} cannot be read: SyntaxError: '),
        ([heir], f"the config {heir} cannot be read: _base_ = 'bas_mm::…': bas_mm's configs are"),
    ):
        done = run_in_process(TOOL, [*map(str, arguments)], tmp_path)
        assert done.returncode == 2
        assert f'error: {said}' in done.stderr


def test_steps_without_a_network_have_all_cores(tmp_path, monkeypatch):
    given = []

    class Runner(runner.PipelineRunner):
        def __init__(self, *args) -> None:
            super().__init__(*args)
            given.append(self.num_workers)

    monkeypatch.setattr(runner, 'PipelineRunner', Runner)
    monkeypatch.setattr(worker_processes, 'usable_cores', lambda: 7)
    config = write_pipeline(tmp_path)
    for options in ([], ['--num-workers', '3']):
        arguments = [str(config), '--work-dir', 'work', '--list', *options]
        assert run_in_process(TOOL, arguments, tmp_path).returncode == 0
    assert given == [7, 3]


def test_a_sheet_that_cannot_be_drawn_is_one_line(tmp_path, monkeypatch):
    """Nothing is left to do but the sheet: its errors are no traceback, whoever raised them."""
    config, figures = write_pipeline(tmp_path), tmp_path / 'work/figures/segmentor.json'
    write_json(figures, dict(mIoU=50.0))
    arguments = _arguments(config, '--skip', *STEPS)

    def last_line() -> str:
        done = run_in_process(TOOL, arguments, tmp_path)
        assert done.returncode == 0  # the steps are done
        assert '| segmentor | 50.00 |' in done.stdout
        return done.stderr.splitlines()[-1]

    start = 'The steps are done; sheet.png could not be drawn: '
    # Before there is a segmentor.
    assert f'{start}work/segmentor/last_checkpoint is not there' in last_line()
    (tmp_path / 'work/segmentor').mkdir()
    (tmp_path / 'work/segmentor/iter_2.pth').touch()
    (tmp_path / 'work/segmentor/last_checkpoint').write_text('work/segmentor/iter_2.pth')
    for error, said in (
        (UnreadableImageError.of('a.jpg', 'the file is empty'), 'a.jpg: the file is empty'),
        (IndexError('of a network'), 'IndexError: of a network'),
    ):

        def draw_sheet(*_, error=error) -> None:
            raise error

        monkeypatch.setattr(pipeline_sheet, 'draw_sheet', draw_sheet)
        line = last_line()
        assert start in line
        assert said in line


def test_pictures_without_true_masks(tmp_path, monkeypatch):
    """What has nothing to compare with is left out, and the sheet is drawn nevertheless."""
    config = write_pipeline(tmp_path)
    for key, text in (
        ('bas', 'seed_dataloader["dataset"]["data_prefix"] = dict(seg_map_path=None)'),
        ('segmentor', 'test_dataloader = test_cfg = test_evaluator = None'),
    ):
        with open(tmp_path / f'{key}.py', 'a') as file:
            file.write(f'{text}\n')
    listed = _run(config, tmp_path, '--list')
    for step in ('eval_seeds', 'eval_masks', 'test'):
        assert f'\n{step}: left out, for ' in listed
    assert not re.search(r'eval_\w+\.py|test\.py', listed)

    monkeypatch.setattr(pipeline_sheet, 'draw_sheet', lambda *_: 'the sheet')
    steps = plan(Config.fromfile(config), Path('work'))
    runner_ = runner.PipelineRunner(steps, tmp_path / 'work', TOOL)
    folder = tmp_path / 'work/segmentor'
    folder.mkdir(parents=True)
    (folder / 'iter_2.pth').touch()
    (folder / 'last_checkpoint').write_text('work/segmentor/iter_2.pth')

    def said(**state: object) -> str:
        state = dict(fingerprint=runner_.fingerprints['segmentor'], seconds=1, made_of={}, **state)
        write_json(tmp_path / 'work/pipeline.json', dict(steps=dict(segmentor=state)))
        return _run(config, tmp_path, '--skip', *MAKING, 'segmentor')

    for state, drawn in (
        (dict(status='done'), True),
        (dict(status='running'), False),
        (dict(status='done', read=dict(masks='of earlier ones')), False),
    ):
        found = said(**state)
        assert found.count(': left out, for ') == 3
        assert ('the sheet' in found) == drawn, state


def test_figures_of_other_settings_are_not_shown(tmp_path):
    config, work = write_pipeline(tmp_path), tmp_path / 'work'
    for name in ('segmentor', 'masks'):
        write_json(work / f'figures/{name}.json', dict(mIoU=50.0))
    old = dict(status='done', fingerprint='x', seconds=1, made_of={})
    write_json(work / 'pipeline.json', dict(steps=dict(test=old)))
    out = _run(config, tmp_path, '--skip', *STEPS)
    assert '| pseudo masks | 50.00 |' in out
    assert '| segmentor ' not in out


@pytest.mark.slow
def test_whole_pipeline_and_the_same_masks_after_kills(tmp_path, monkeypatch):
    # That each step starts without what others have imported: test_on_strict_device.py.
    monkeypatch.setattr(runner, 'subprocess', forked_python.instead_of_subprocess)
    config = write_pipeline(tmp_path)
    once, killed = tmp_path / 'once', tmp_path / 'killed'
    once.mkdir()
    killed.mkdir()
    # Once the seeds are fused and evaluated, the two sets that were fused may go.
    _run(config, once, '--until', 'eval_seeds')
    fused = 'cam_seeds', 'bas_seeds'
    for name in fused:
        (once / 'work' / name).rename(tmp_path / name)
    out = _run(config, once, '--skip', *fused)
    assert out.count(': skipped') == len(fused)
    assert out.count('done before') == 4
    assert not any((once / 'work' / name).exists() for name in fused)
    for name in ('CAM seeds', 'BAS seeds', 'fused seeds', 'pseudo masks', 'segmentor'):
        assert f'| {name} ' in out
    sheet = np.array(Image.open(once / 'work/sheet.png'))
    assert sheet.shape[0] > 3 * 100
    assert sheet.std() > 10
    again = _run(config, once, '--pictures', '0', '--skip', *fused)
    assert again.count('done before') == 10
    for name in fused:
        (tmp_path / name).rename(once / 'work' / name)
    again = _run(config, once, '--pictures', '0')
    assert again.count('done before') == 12

    # The same pictures are not painted again.
    (killed / 'data').symlink_to(once / 'data')
    state = killed / 'work/pipeline.json'
    # The trainings of CAM and BAS, and their seeds, are of one kind: CAM's are those of above.
    of_cam = 'cam', 'cam_seeds'
    for name in of_cam:
        shutil.copytree(once / 'work' / name, killed / 'work' / name)
    steps = json.loads((once / 'work/pipeline.json').read_text())['steps']
    write_json(state, dict(steps={name: steps[name] for name in of_cam}))
    seconds = {name: steps[name]['seconds'] for name in MAKING}
    # No mask is made of the figures of seeds.
    to_the_masks = '--until', 'masks', '--skip', 'eval_seeds'
    in_the_midst = set()
    for step in MAKING:
        if step in of_cam:
            continue
        command = TOOL, _arguments(config, *to_the_masks), killed
        # What it has started must not go on.
        with forked(*command, alone=True) as process:
            until = time.monotonic() + 300
            while True:
                steps = json.loads(state.read_text())['steps'] if state.exists() else {}
                if steps.get(step, {}).get('status') == 'running':
                    break
                assert process.is_alive()
                assert time.monotonic() < until
                time.sleep(0.005)
            # In the midst of its work.
            time.sleep(seconds[step] / 3)
        if json.loads(state.read_text())['steps'][step]['status'] == 'running':
            in_the_midst.add(step)
    # Where the machine is busy with other things a step may be done in a third of its time.
    assert len(in_the_midst) > len(MAKING[len(of_cam) :]) / 2, in_the_midst
    assert _run(config, killed, *to_the_masks).count('done before') >= len(of_cam)
    expected, found = _masks(once / 'work'), _masks(killed / 'work')
    for name, mask in expected.items():
        assert np.array_equal(found[name], mask), name
