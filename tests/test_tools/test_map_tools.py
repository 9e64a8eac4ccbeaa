"""write_maps.py and eval_maps.py: golden figures from files, and the figures of test.py."""

import csv
import errno
import json
import os
import subprocess

import cv2
import forked_python
import numpy as np
import pytest
from held_folder import held
from tiny_project import TinyProject

from bas_mm.evaluation import LocalizationMetric, MaxBoxAcc, MaxBoxAccV2, picture_work


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    return TinyProject(tmp_path_factory.mktemp('maps'))


@pytest.fixture(scope='module')
def golden(golden_dir, golden_formula):
    expected = json.loads((golden_dir / 'eval.json').read_text())
    return expected, golden_formula.make_score_maps(expected['N'], expected['seed'])


def _write_split(folder, boxes, labels, localization=None, sizes=None):
    folder.mkdir(parents=True)
    ids = [f'test/{i:03d}.jpg' for i in range(len(boxes))]
    rows = dict(
        image_ids=ids,
        class_labels=[f'{n},{label}' for n, label in zip(ids, labels)],
        image_sizes=[f'{n},{w},{h}' for n, (w, h) in zip(ids, sizes or [(224, 224)] * len(ids))],
        localization=localization
        or [f'{n},{",".join(map(str, box))}' for n, own in zip(ids, boxes) for box in own],
    )
    for name, lines in rows.items():
        (folder / f'{name}.txt').write_text('\n'.join(lines) + '\n')
    return ids


def _write_maps(folder, ids, maps):
    for image_id, array in zip(ids, maps):
        file = folder / f'{image_id}.npy'
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, array)


def _run(project, *arguments, check=True):
    return project.run_here('analysis_tools/eval_maps.py', *arguments, check=check)


@pytest.mark.slow
def test_golden_figures_of_boxes_from_files(project, golden, monkeypatch):
    expected, (maps, boxes, _, logits, labels) = golden
    ids = _write_split(project.folder / 'g/test', boxes, labels)
    _write_maps(project.folder / 'g_raw', ids, maps)
    scores = [f'{n},{",".join(map(repr, map(float, row)))}' for n, row in zip(ids, logits)]
    (project.folder / 'scores.csv').write_text('\n'.join(scores) + '\n')
    thetas = [str(row['thr']) for row in expected['bas']]
    _run(
        *(project, 'g_raw', 'g/test', '--metrics', 'LocalizationMetric', '--thresholds', *thetas),
        *('--scores', 'scores.csv', '--out', 'a.json'),
    )
    figures = json.loads((project.folder / 'a.json').read_text())
    for row in expected['bas']:
        for ours, theirs in (('gt_known', 'gt_known'), ('top1_loc', 'top1'), ('top5_loc', 'top5')):
            value = figures[f'localization/{ours}@{row["thr"]:g}']
            assert value == pytest.approx(row[theirs], abs=1e-9)

    views = []
    for m in maps.astype(np.float64):
        m = (m - m.min()) / (m.max() - m.min())
        views.append(np.clip(cv2.resize(m, (224, 224)), 0, 1))
    _write_maps(project.folder / 'g_views', ids, views)
    # That of this process: another one does the work.
    monkeypatch.setattr(picture_work, 'protocol_b_map', lambda *_: pytest.fail('worked here'))
    done = _run(
        *(project, 'g_views', 'g/test', '--metrics', 'MaxBoxAcc', '--no-normalize'),
        *('--out', 'b.json', '--workers', '1'),
    )
    figures = json.loads((project.folder / 'b.json').read_text())
    single = expected['wsoleval']['single']
    assert figures['localization/max_box_acc'] == pytest.approx(single['50'], abs=1e-9)
    assert figures == json.loads(done.stdout[done.stdout.index('{') :])


def test_boxes_are_scaled_to_a_view_that_is_no_square(project):
    rng = np.random.default_rng(0)
    boxes, maps, samples = [], [], []
    sizes = [(60, 40), (30, 80)] * 12
    for width, height in sizes:
        x0, y0 = rng.integers(0, width // 2), rng.integers(0, height // 2)
        # Every other box ends at the last corner of its picture, one past the view's last pixel.
        end = (width, height) if rng.random() < 0.5 else (x0 + width // 3, y0 + height // 3)
        boxes.append([(x0, y0, *end)])
        x0, x1 = (int(x) * 48 // width for x in (x0, end[0]))
        y0, y1 = (int(y) * 32 // height for y in (y0, end[1]))
        # On a part of the box.
        maps.append(rng.random((32, 48)).astype(np.float32) / 4)
        left, top = rng.integers(0, 10), rng.integers(0, 7)
        maps[-1][y0 + top : y1, x0 + left : x1] += 1
        samples.append(
            dict(
                image_id=str(len(samples)),
                img_shape=(32, 48),
                pred_map=maps[-1],
                pred_score=np.array([1.0]),
                gt_label=np.array([0]),
                gt_bboxes=np.array([[x0, y0, min(x1, 47), min(y1, 31)]]),
                gt_bboxes_view=np.array([[x0, y0, x1, y1]]),
            )
        )
    ids = _write_split(project.folder / 'long/test', boxes, [0] * 24, sizes=sizes)
    _write_maps(project.folder / 'long_maps', ids, maps)
    (project.folder / 'long.csv').write_text(''.join(f'{image_id},1\n' for image_id in ids))
    _run(
        *(project, 'long_maps', 'long/test', '--view', '32', '48', '--thresholds', '0.4'),
        *('--scores', 'long.csv', '--out', 'long.json'),
    )
    figures, expected = json.loads((project.folder / 'long.json').read_text()), {}
    for metric in (LocalizationMetric(thresholds=0.4), MaxBoxAcc(), MaxBoxAccV2()):
        metric.process(None, samples)
        expected.update(metric.evaluate(len(samples)))
    assert figures == expected
    for name in ('gt_known', 'iou_70', 'max_box_acc', 'max_box_acc_v2_70'):
        assert 0 < figures[f'localization/{name}'] < 100


def test_the_threshold_is_chosen_by_both_figures_where_there_are_scores(project):
    # A box of a bright part and a faint part, which θ = 0.6 leaves out.
    faint = np.zeros((224, 224), np.float32)
    faint[50:150, 50:90], faint[50:150, 90:150] = 1, 0.4
    whole, part = (50, 50, 150, 150), (50, 50, 90, 150)
    boxes = [[whole]] * 2 + [[part]] * 3  # GT-Known: 2 of 5 at θ = 0.2, 3 at θ = 0.6
    folder = project.folder / 'chosen'
    for split in ('val', 'my test'):
        ids = _write_split(folder / split, boxes, [0] * 4 + [1])
        for file in (folder / split).glob('*.txt'):
            text = file.read_text()
            file.write_text(text.replace('test/', f'{split}/'))
        _write_maps(folder / 'maps', [n.replace('test/', f'{split}/') for n in ids], [faint] * 5)
    # Classes are right where θ = 0.2 finds the box: 2 + 2 against 0 + 3.
    rows = [(1, 0), (1, 0), (0, 1), (0, 1), (1, 0)]
    for name, splits in (('both', ('val', 'my test')), ('val', ('val',)), ('test', ('my test',))):
        (folder / f'{name}.csv').write_text(
            ''.join(
                f'{split}/{i:03d}.jpg,{a},{b}\n'
                for split in splits
                for i, (a, b) in enumerate(rows)
            )
        )

    def chosen(*options):
        done = _run(
            *(project, 'chosen/maps', 'chosen/my test', '--metrics', 'LocalizationMetric'),
            *('--thresholds', '0.2', '0.6', *options),
        )
        said = [line for line in done.stdout.splitlines() if line.startswith('θ = ')]
        return said[:1], done.stderr

    val = '--val-maps', 'chosen/maps', '--val-split', 'chosen/val'
    both = 'θ = 0.2, chosen on chosen/val by Top-1 Loc + GT-Known'
    assert chosen(*val, '--scores', 'chosen/both.csv')[0] == [both]
    assert chosen(*val, '--val-scores', 'chosen/val.csv')[0] == [both]
    alone = 'θ = 0.6, chosen on chosen/val by GT-Known alone, without scores'
    assert chosen(*val, '--scores', 'chosen/test.csv')[0] == [alone]
    assert chosen(*val)[0] == [alone]
    assert 'is the best of 2 on chosen/my test itself' in chosen()[1]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (('--view', 0, 5), '--view 0 5: both must be at least 1'),
        (('--view', 5, -1), '--view 5 -1: both must be at least 1'),
        (('--workers', -1), '--workers must not be negative, got -1'),
    ],
)
def test_numbers_that_are_none(project, options, message):
    done = _run(project, project.folder, project.folder, *options, check=False)
    assert done.returncode == 2
    assert done.stderr == f'eval_maps.py: error: {message}\n'


def test_options_of_a_metric_that_is_not_asked_for(project):
    ids = _write_split(project.folder / 'no/test', [[(10, 10, 90, 90)]], [0])
    _write_split(project.folder / 'no_val', [[(10, 10, 90, 90)]], [0])
    _write_maps(project.folder / 'no_maps', ids, [np.eye(14)])
    metrics = ('--metrics', 'MaxBoxAcc', 'MaxBoxAccV2')
    for options in (
        ('--thresholds', 0.2),
        ('--val-maps', 'no_maps', '--val-split', 'no_val'),
    ):
        done = _run(project, 'no_maps', 'no/test', *metrics, *options, check=False)
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            f'eval_maps.py: error: {options[0]}: θ is that of LocalizationMetric, but the metrics '
            'are MaxBoxAcc, MaxBoxAccV2: leave it out, or choose others by --metrics'
        ]


def _write_two_classes(project, name):
    """Four pictures of two classes, three of them found, and their maps."""
    boxes, ids, maps = [[(56, 56, 111, 111)]] * 4, None, np.zeros((4, 28, 28), np.float32)
    maps[:3, 7:14, 7:14] = 1
    maps[3, :3, :3] = 1
    ids = _write_split(project.folder / name / 'test', boxes, [0, 0, 1, 1])
    _write_maps(project.folder / name / 'maps', ids, maps)
    return ids


def _rows(file):
    with open(file, newline='') as text:
        return list(csv.DictReader(text))


def test_figures_of_classes_curves_and_rows_of_pictures(project):
    ids, folder = _write_two_classes(project, 'rows'), project.folder / 'rows'
    command = ('rows/maps', 'rows/test', '--thresholds', '0.4', '--per-class', '--curve')
    _run(project, *command, '--result-dir', 'rows/csv', '--out', 'rows/all.json')
    figures = json.loads((folder / 'all.json').read_text())
    assert figures['localization/gt_known'] == figures['localization/max_box_acc'] == 75
    kinds = ('', '_metrics', '_per_class')
    names = [f'{m}{kind}.csv' for m in ('LocalizationMetric', 'MaxBoxAccV2') for kind in kinds]
    names.append('MaxBoxAccV2_curve.csv')
    assert sorted(file.name for file in (folder / 'csv').iterdir()) == sorted(names)
    rows = _rows(folder / 'csv/LocalizationMetric.csv')
    assert [row['image_id'] for row in rows] == ids
    assert [float(row['iou']) >= 0.5 for row in rows] == [True, True, True, False]
    rows = _rows(folder / 'csv/LocalizationMetric_per_class.csv')
    assert [(row['label'], float(row['gt_known'])) for row in rows] == [('0', 100), ('1', 50)]
    rows = _rows(folder / 'csv/MaxBoxAccV2_per_class.csv')
    assert [float(row['max_box_acc']) for row in rows] == [100, 50]
    rows = _rows(folder / 'csv/MaxBoxAccV2_curve.csv')
    assert len(rows) == 1000
    assert max(float(row['box_acc']) for row in rows) == 75
    # Without scores there is nothing to say of classes.
    told = [*figures]
    for file in (folder / 'csv').iterdir():
        told += _rows(file)[0]
    several = (*command[:2], '--metrics', 'LocalizationMetric', '--thresholds', '0.4', '0.5')
    _run(project, *several, '--out', 'rows/several.json')
    told += (several := json.loads((folder / 'several.json').read_text()))
    assert 'localization/gt_known@0.5' in several
    assert not [name for name in told if 'top' in name or name == 'rank']

    (folder / 's.csv').write_text(''.join(f'{image_id},1,0\n' for image_id in ids))
    more = ('--scores', 'rows/s.csv', '--result-format', 'json')
    _run(project, *command, *more, '--result-dir', 'rows/json')
    tables = json.loads((folder / 'json/LocalizationMetric.json').read_text())
    assert [row['rank'] for row in tables['images']] == [0, 0, 1, 1]
    assert [row['top1_loc'] for row in tables['per_class']] == [100, 0]
    assert len(json.loads((folder / 'json/MaxBoxAccV2.json').read_text())['curve']) == 1000


def test_result_files_that_cannot_be(project, monkeypatch):
    _write_two_classes(project, 'nowhere')
    maps = ('nowhere/maps', 'nowhere/test')
    (project.folder / 'nowhere/file').touch()
    only_a = ('--result-dir', 'nowhere/a', '--metrics', 'LocalizationMetric', '--curve')
    for options, message in (
        (('--per-class',), '--per-class is about the files of --result-dir: name a folder'),
        (('--curve',), '--curve is about the files of --result-dir: name a folder'),
        (only_a, '--curve: LocalizationMetric has none: leave it out, or choose others by'),
        (('--result-dir', 'nowhere/file'), '--result-dir nowhere/file: '),
    ):
        done = _run(project, *maps, *options, check=False)
        assert done.returncode == 2
        assert done.stderr.startswith(f'eval_maps.py: error: {message}')

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('bas_mm.utils.result_files.os.chmod', fail)
    done = _run(project, *maps, '--result-dir', 'nowhere/full', check=False)
    assert done.returncode == 2
    expected = 'eval_maps.py: error: --result-dir nowhere/full: No space left on device'
    assert done.stderr.splitlines()[-1] == expected


@pytest.mark.parametrize('metrics', [(), ('--metrics', 'MaxBoxAcc', 'MaxBoxAccV2', 'MaxBoxAcc')])
def test_both_metrics_of_protocol_b_are_one_search(project, monkeypatch, metrics):
    ids = _write_two_classes(project, f'once{len(metrics)}')
    folder, calls, search = f'once{len(metrics)}', [], picture_work.protocol_b_ious
    monkeypatch.setattr(
        picture_work, 'protocol_b_ious', lambda *args: calls.append(1) or search(*args)
    )
    _run(project, f'{folder}/maps', f'{folder}/test', *metrics, '--out', 'once.json')
    figures = json.loads((project.folder / 'once.json').read_text())
    assert len(calls) == len(ids)
    for name in ('MaxBoxAcc', 'MaxBoxAccV2'):
        _run(
            *(project, f'{folder}/maps', f'{folder}/test', '--metrics', name),
            *('--out', 'one.json'),
        )
        alone = json.loads((project.folder / 'one.json').read_text())
        assert alone.items() <= figures.items()


def test_lists_of_the_same_pictures_beside_each_other(project):
    ids = _write_two_classes(project, 'beside')
    folder = project.folder / 'beside'
    _write_split(folder / 'subset', [[(56, 56, 111, 111)]] * 2, [0, 0])
    done = _run(project, 'beside/maps', 'beside/subset', '--thresholds', '0.4')
    assert '"localization/gt_known": 100.0' in done.stdout
    # But none of them may choose θ for the other, wherever it is.
    (folder / 'subset').rename(project.folder / 'beside_subset')
    val = ('--val-maps', 'beside/maps', '--val-split', 'beside_subset')
    done = _run(project, 'beside/maps', 'beside/test', *val, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(
        f'eval_maps.py: error: beside_subset/image_ids.txt, line 1: {ids[0]} is also in another '
        'split: beside/test/image_ids.txt, line 1'
    )
    assert 'θ would be chosen on what is reported: take it from one of them' in done.stderr


def test_figures_that_nobody_can_print_are_written(project):
    ids = _write_split(project.folder / 'dev/test', [[(10, 10, 90, 90)]], [0])
    _write_maps(project.folder / 'dev_maps', ids, [np.eye(14)])
    command = 'analysis_tools/eval_maps.py', 'dev_maps', 'dev/test', '--out', 'dev.json'
    with open('/dev/full', 'w') as full:
        done = forked_python.run(
            project.command(*command),
            cwd=project.folder,
            env=project.environment(PYTHONUNBUFFERED=''),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=600,
        )
    assert done.returncode != 0
    assert 'No space left on device' in done.stderr
    assert 'localization/gt_known' in json.loads((project.folder / 'dev.json').read_text())


def test_figures_that_the_disk_has_no_room_for(project, monkeypatch):
    ids = _write_split(project.folder / 'full/test', [[(10, 10, 90, 90)]], [0])
    _write_maps(project.folder / 'full_maps', ids, [np.eye(14)])

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr('bas_mm.utils.result_files.os.chmod', fail)
    done = _run(project, 'full_maps', 'full/test', '--out', 'full.json', check=False)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last == 'eval_maps.py: error: --out full.json: No space left on device'
    assert not (project.folder / 'full.json').exists()


@pytest.mark.slow
def test_golden_figures_of_masks_from_files(project, golden):
    expected, (maps, boxes, masks, _, labels) = golden
    root, lines = project.folder / 'm_masks', []
    for i, mask in enumerate(masks):
        for kind, picture in (('fg', mask == 1), ('ignore', mask == 255)):
            (root / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / kind / f'{i:03d}.png'), picture.astype(np.uint8) * 255)
        lines.append(f'test/{i:03d}.jpg,fg/{i:03d}.png,ignore/{i:03d}.png')
    ids = _write_split(project.folder / 'm/test', boxes, labels, lines)
    views = []
    for m in maps.astype(np.float64):
        m = (m - m.min()) / (m.max() - m.min())
        views.append(np.clip(cv2.resize(m, (224, 224)), 0, 1))
    _write_maps(project.folder / 'm_views', ids, views)
    _run(
        *(project, 'm_views', 'm/test', '--mask-root', root, '--no-normalize', '--out', 'm.json'),
    )
    figures = json.loads((project.folder / 'm.json').read_text())
    assert figures['localization/pxap'] == pytest.approx(expected['wsoleval']['pxap'], abs=1e-9)
    assert figures['localization/piou'] == pytest.approx(expected['wsoleval']['piou'], abs=1e-9)


@pytest.mark.slow
def test_maps_of_a_checkpoint_give_the_figures_of_test_py(project):
    project.run_here(
        'train.py', 'tiny.py', '--work-dir', 'w', '--cfg-options', 'train_cfg.max_epochs=2'
    )
    # The whole picture as the view: what folders of maps are evaluated with.
    whole = ['--cfg-options']
    whole += [f'{k}_dataloader.dataset.pipeline.1.scale=(32,32)' for k in ('val', 'test')]
    checkpoint = 'w/epoch_2.pth'
    project.run_here('test.py', 'tiny.py', checkpoint, '--work-dir', 't', '--out', 't.json', *whole)
    project.run_here(
        'analysis_tools/write_maps.py', 'tiny.py', checkpoint, 'maps', '--work-dir', 'v', *whole
    )
    assert len(list((project.folder / 'maps' / 'val').glob('*.npy'))) == 11
    _run(
        *(project, 'maps', 'data/metadata/val', '--view', '32', '32', '--out', 'e.json'),
        *('--thresholds', '0.3', '0.5', '0.7', '--metrics', 'LocalizationMetric', 'MaxBoxAccV2'),
    )
    ours = json.loads((project.folder / 'e.json').read_text())
    theirs = json.loads((project.folder / 't.json').read_text())
    for theta in ('0.3', '0.5', '0.7'):
        name = f'localization/gt_known@{theta}'
        assert ours[name] == theirs[name]
    assert 0 <= ours['localization/max_box_acc_v2'] <= 100
    assert not any('top1' in name for name in ours)

    # Each of two commands would write some of the maps.
    command = ('analysis_tools/write_maps.py', 'tiny.py', checkpoint, 'maps')
    with held(project.folder / 'maps'):
        done = project.run_here(*command, check=False)
    assert done.returncode == 2
    assert 'error: tiny.py: maps is being written by another command' in done.stderr

    # Maps of random weights would look like maps.
    command = ('analysis_tools/write_maps.py', 'tiny.py', checkpoint, 'other', '--cfg-options')
    done = project.run_here(*command, 'model.head.hidden_channels=16', check=False)
    assert done.returncode == 2
    assert 'The checkpoint does not fit the model. ' in done.stderr.splitlines()[-1]
    assert not (project.folder / 'other').exists()

    # θ from another split; the one that is reported may not choose it.
    done = _run(
        *(project, 'maps', 'data/metadata/val', '--val-maps', 'maps', '--val-split'),
        *('data/metadata/val',),
        check=False,
    )
    assert done.returncode == 2
    assert '--val-split is SPLIT_DIR itself' in done.stderr
    (project.folder / 'maps' / 'val' / '0003.png.npy').write_bytes(b'cut')
    done = _run(project, 'maps', 'data/metadata/val', check=False)
    assert done.returncode == 2
    assert 'val/0003.png: ' in done.stderr
    assert 'cannot be read' in done.stderr
    (project.folder / 'maps' / 'val' / '0003.png.npy').unlink()
    done = _run(project, 'maps', 'data/metadata/val', check=False)
    assert 'val/0003.png: there is no map' in done.stderr


def test_maps_of_other_values_than_numbers_are_refused(project):
    ids = _write_split(project.folder / 'kinds/split', [[(1, 1, 50, 50)]], [0])
    for kind in (np.complex64, 'U3', 'M8[s]', [('a', np.float32)]):
        _write_maps(project.folder / 'kinds/maps', ids, [np.zeros((4, 4), kind)])
        done = _run(project, 'kinds/maps', 'kinds/split', check=False)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].endswith(': a map has bool, int or float values')
    with open(project.folder / f'kinds/maps/{ids[0]}.npy', 'wb') as file:
        np.savez(file, np.zeros((4, 4)))
    done = _run(project, 'kinds/maps', 'kinds/split', check=False)
    assert 'holds NpzFile: a map has' in done.stderr.splitlines()[-1]
    for kind in (bool, np.uint8, np.float16):
        _write_maps(project.folder / 'kinds/maps', ids, [np.eye(4, dtype=kind)])
        _run(project, 'kinds/maps', 'kinds/split', '--metrics', 'MaxBoxAcc')
