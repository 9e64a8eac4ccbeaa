"""What is chosen on ``val``, where figures tie, and which ``val`` is none."""

import shutil
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.visualization import LocalVisBackend
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.apis import localization_protocol
from bas_mm.apis.localization_protocol import (
    COLUMNS,
    LocalizationResult,
    choose_checkpoint_and_test,
    choose_threshold_and_test,
    require_own_val,
    require_whole_run,
    results_table,
    train_and_test,
)
from bas_mm.command_line import fail_on_input_errors
from bas_mm.evaluation.metrics import LocalizationMetric

WITH_THETA = dict(type='LocalizationMetric', thresholds=[0.1, 0.2])

# Top-1 and GT-Known counts of 40 pictures at two θ: the sums are equal, those of their
# percentages, 57.5 + 57.5 and 52.5 + 62.5 say, need not be.
TIES = [((23, 23), (21, 25)), ((7, 22), (4, 25)), ((11, 12), (9, 14)), ((1, 28), (0, 29))]


def _cfg(val: dict | list = WITH_THETA, test: dict | list = WITH_THETA) -> Config:
    """Of the two evaluators alone."""
    return Config(dict(model={}, val_evaluator=val, test_evaluator=test))


def _figures(counts: tuple, pictures: int) -> dict:
    rows = np.zeros((8, len(counts)), int)
    for column, (top1, gt_known) in enumerate(counts):
        rows[:, column] = top1, top1, gt_known, 0, pictures, pictures, gt_known, 0
    return LocalizationMetric([0.1, 0.2][: len(counts)]).figures(rows, pictures)[0]


@pytest.mark.parametrize('pictures', [40, 300, 5794])
def test_the_smaller_threshold_on_a_tie_as_the_metric_has_it(pictures):
    choose = localization_protocol._best_threshold
    rng, rounded = np.random.default_rng(0), 0
    ties = list(TIES) if pictures == 40 else []
    for _ in range(300):
        top1, gt_known, shift = rng.integers(0, pictures // 2, 3)
        ties.append(((top1 + shift, gt_known), (top1, gt_known + shift)))
    for counts in ties:
        val = _figures(counts, pictures)
        assert val['threshold'] == 0.1
        evaluator = dict(type='LocalizationMetric', thresholds=[0.2, 0.1])
        assert choose(val, ('top1_loc', 'gt_known'), evaluator) == 0.1
        sums = [val[f'top1_loc@{t}'] + val[f'gt_known@{t}'] for t in (0.1, 0.2)]
        rounded += sums[0] < sums[1]
    assert rounded, 'no tie here that a plain sum would lose'


def test_the_threshold_is_the_config_s_whatever_its_digits(monkeypatch):
    """The names of figures have ten digits of it; a prefix may have a / of its own."""
    thresholds = [0.1, 1 / 3]
    rows = np.zeros((8, 2), int)
    rows[0], rows[2] = (1, 2), (3, 4)
    figures, _ = LocalizationMetric(thresholds).figures(rows, 5)
    assert 'gt_known@0.3333333333' in figures

    def runner(cfg, name):
        return SimpleNamespace(val=lambda: {f'a/b/{key}': v for key, v in figures.items()})

    monkeypatch.setattr(localization_protocol, 'new_runner', runner)
    metric = dict(type='bas_mm.LocalizationMetric', prefix='a/b', thresholds=thresholds)
    cfg = Config(dict(model=dict(), val_evaluator=[metric]))
    choose_by = ('top1_loc', 'gt_known')
    val, threshold = localization_protocol._validate(cfg, 'a.pth', 'name', choose_by)
    assert threshold == 1 / 3
    assert val['top1_loc'] == 40
    # With one θ only there is nothing to choose.
    figures = {'gt_known': 3.0, 'threshold': 1 / 3}
    cfg.val_evaluator[0].thresholds = 1 / 3
    assert localization_protocol._validate(cfg, 'a.pth', 'name', choose_by)[1] == 1 / 3


def test_the_first_checkpoint_on_a_tie(monkeypatch):
    vals = {name: _figures((pair,), 40) for name, pair in zip('ab', TIES[0])}
    plain = [v['top1_loc'] + v['gt_known'] for v in vals.values()]
    assert plain[0] < plain[1]
    monkeypatch.setattr(localization_protocol, 'require_own_val', lambda cfg: None)
    monkeypatch.setattr(localization_protocol, '_validate', lambda cfg, c, *_: (vals[c], 0.1))
    monkeypatch.setattr(localization_protocol, '_test', lambda cfg, c, *_: c)
    assert choose_checkpoint_and_test(_cfg(), ['a', 'b'], 'name') == 'a'


def test_the_pair_that_is_best_on_val_is_tested(monkeypatch):
    """With its own θ and figures, by the sum of those that are asked for."""
    counts = dict(a=(30, 10), b=(20, 25), c=(24, 20))
    pairs = {name: (_figures((pair,), 40), pair[0] / 100) for name, pair in counts.items()}
    monkeypatch.setattr(localization_protocol, 'require_own_val', lambda cfg: None)
    monkeypatch.setattr(localization_protocol, '_validate', lambda cfg, c, *_: pairs[c])
    monkeypatch.setattr(
        localization_protocol, '_test', lambda cfg, c, name, theta, val: (c, theta, val)
    )
    for choose_by, best in (({}, 'b'), (dict(choose_by=('top1_loc',)), 'a')):
        found = choose_checkpoint_and_test(_cfg(), list('abc'), 'name', **choose_by)
        assert found == (best, pairs[best][1], pairs[best][0])
    monkeypatch.setattr(localization_protocol, '_validate', lambda cfg, c, name, by: (by, 0.1))
    _, _, by = choose_threshold_and_test(_cfg(), 'a', 'name')
    assert by == ('top1_loc', 'gt_known')


@pytest.fixture
def tested(monkeypatch):
    """Runs that are counted in place of begun: figures by checkpoint are put in."""
    tested, figures = [], {}

    def new_runner(cfg, name):
        def val():
            return {f'localization/{key}': value for key, value in figures[cfg.load_from].items()}

        def test():
            tested.append(cfg)
            return val()

        return SimpleNamespace(val=val, test=test)

    monkeypatch.setattr(localization_protocol, 'new_runner', new_runner)
    monkeypatch.setattr(localization_protocol, 'require_own_val', lambda cfg: None)
    return SimpleNamespace(cfgs=tested, figures=figures)


@pytest.mark.parametrize(
    ('evaluator', 'choose_by', 'best'),
    [
        (dict(type='MaxBoxAccV2'), None, 'b'),
        ([dict(type='Accuracy'), dict(type='bas_mm.PxAP')], None, 'c'),
        ([dict(type='PxAP'), dict(type='MaxBoxAccV2')], None, 'b'),
        (dict(type='PxAP'), ['piou'], 'a'),
        (dict(type='MaxBoxAccV2', with_max_box_acc=True), ['max_box_acc'], 'a'),
        ([dict(type='MaxBoxAcc'), dict(type='PxAP')], ['max_box_acc', 'pxap'], 'd'),
    ],
)
def test_a_checkpoint_alone_is_chosen_where_there_is_no_threshold(
    tested, evaluator, choose_by, best
):
    names = ('max_box_acc_v2', 'max_box_acc', 'pxap', 'piou')
    rows = dict(a=(1.0, 9.0, 2.0, 9.0), b=(8.0, 1.0, 3.0, 1.0), c=(2.0, 2.0, 9.0, 2.0))
    rows['d'] = (3.0, 8.0, 8.0, 3.0)
    tested.figures.update({name: dict(zip(names, row)) for name, row in rows.items()})
    found = choose_checkpoint_and_test(_cfg(evaluator, evaluator), list('abcd'), 'name', choose_by)
    assert (found.checkpoint, found.threshold) == (best, None)
    assert found.val == found.test == tested.figures[best]
    (cfg,) = tested.cfgs
    assert cfg.load_from == best
    assert not cfg.model
    assert cfg.test_evaluator == evaluator
    heads, _, line = results_table([found]).splitlines()
    columns = ['MaxBoxAcc', 'MaxBoxAccV2', 'PxAP', 'pIoU', 'θ']
    assert [cell.strip() for cell in heads.split('|')[2:-1]] == columns
    v2, single, pxap, piou = (f'{value:.1f}' for value in rows[best])
    assert [cell.strip() for cell in line.split('|')[2:-1]] == [single, v2, pxap, piou, '–']


def test_the_threshold_of_a_checkpoint_that_another_metric_chooses(tested):
    """By Top-1 Loc + GT-Known, which depend on θ."""
    for name, counts, v2 in (('a', ((9, 9), (20, 20)), 50.0), ('b', ((30, 30), (1, 1)), 40.0)):
        tested.figures[name] = {**_figures(counts, 40), 'max_box_acc_v2': v2}
    evaluator = [WITH_THETA, dict(type='MaxBoxAccV2')]
    cfg = _cfg(evaluator, evaluator)
    found = choose_checkpoint_and_test(cfg, ['a', 'b'], 'name', ['max_box_acc_v2'])
    assert (found.checkpoint, found.threshold) == ('a', 0.2)
    assert tested.cfgs[0].test_evaluator[0].thresholds == 0.2
    assert 'MaxBoxAccV2' in results_table([found])
    found = choose_checkpoint_and_test(cfg, ['a', 'b'], 'name')
    assert (found.checkpoint, found.threshold) == ('b', 0.1)


@pytest.mark.parametrize(
    ('val', 'test', 'choose_by', 'message'),
    [
        (WITH_THETA, dict(type='PxAP'), None, 'test_evaluator has no LocalizationMetric: '),
        (dict(type='PxAP'), WITH_THETA, None, 'val_evaluator has no LocalizationMetric: '),
        (dict(type='Accuracy'), WITH_THETA, None, 'val_evaluator has nothing to choose by: give'),
        (
            [dict(type='PxAP'), dict(type='MaxBoxAccV2')],
            dict(type='PxAP'),
            ['pxap', 'max_box_acc'],
            'val_evaluator does not report max_box_acc: choose by max_box_acc_v2, pxap, piou, or',
        ),
    ],
)
def test_evaluators_that_cannot_choose_are_refused_before_the_work(
    tested, val, test, choose_by, message
):
    with pytest.raises(ValueError, match=f'^{message}'):
        choose_checkpoint_and_test(_cfg(val, test), ['none'], 'name', choose_by)


@pytest.mark.parametrize(
    ('val', 'test', 'choose_by', 'message'),
    [
        (dict(type='PxAP'), WITH_THETA, ['gt_known'], 'val_evaluator has no LocalizationMetric: '),
        (WITH_THETA, dict(type='PxAP'), ['gt_known'], 'test_evaluator has no LocalizationMetric: '),
        (WITH_THETA, WITH_THETA, ['gt_known', 'top1loc'], 'choose_by: .* by top1loc, but by top1_'),
        (WITH_THETA, WITH_THETA, ['pxap'], 'choose_by: θ cannot be chosen by pxap, but by '),
        (WITH_THETA, WITH_THETA, [], 'choose_by is empty: '),
    ],
)
def test_a_threshold_is_chosen_on_val_or_not_at_all(tested, val, test, choose_by, message):
    """With a list of θ the figures of test would be those of the best on test."""
    tested.figures['a'] = {**_figures(((9, 9), (20, 20)), 40), 'pxap': 50.0}
    with pytest.raises(ValueError, match=f'^{message}'):
        choose_threshold_and_test(_cfg(val, test), 'a', 'name', choose_by)
    assert not tested.cfgs


@pytest.mark.parametrize('kind', [str, Path])
def test_one_checkpoint_and_one_figure_need_no_list(tested, kind):
    tested.figures['a.pth'] = _figures(((9, 20), (20, 9)), 40)
    for test in (choose_checkpoint_and_test, choose_threshold_and_test):
        found = test(_cfg(), kind('a.pth'), 'name', 'top1_loc')
        assert (found.checkpoint, found.threshold) == ('a.pth', 0.2)
        assert type(found.checkpoint) is type(tested.cfgs[-1].load_from) is str
    several = iter([kind('a.pth'), Path('a.pth')])
    found = choose_checkpoint_and_test(_cfg(), several, 'name', iter(['top1_loc']))
    assert (found.checkpoint, found.threshold) == ('a.pth', 0.2)


def test_nothing_to_choose_from_or_by(tested):
    with pytest.raises(ValueError, match='^checkpoints is empty: give at least one'):
        choose_checkpoint_and_test(_cfg(), [], 'name')
    with pytest.raises(ValueError, match='^choose_by is empty: .* some of top1_loc, top5_loc, gt_'):
        choose_checkpoint_and_test(_cfg(), ['a'], 'name', [])
    assert not tested.cfgs


def test_a_checkpoint_by_two_metrics_has_the_threshold_that_is_best_by_one(tested):
    tested.figures['a'] = {**_figures(((9, 20), (20, 9)), 40), 'pxap': 50.0}
    evaluator = [WITH_THETA, dict(type='PxAP')]
    for figure, theta in (('gt_known', 0.1), ('top1_loc', 0.2)):
        cfg = _cfg(evaluator, evaluator)
        found = choose_checkpoint_and_test(cfg, ['a'], 'name', ['pxap', figure])
        assert found.threshold == theta


def test_the_columns_of_a_table():
    """As the README explains them; those of benchmark_embedded.py are the same."""
    result = LocalizationResult('BAS', Config(), 'a.pth', 0.35, test=dict.fromkeys(COLUMNS, 1.0))
    heads = results_table([result]).splitlines()[0].split('|')[1:-1]
    figures = ['Top-1 Loc', 'Top-5 Loc', 'GT-Known', 'IoU 0.3', 'IoU 0.5', 'IoU 0.7', 'Top-1 Cls']
    assert [head.strip() for head in heads] == ['', *figures, 'θ']
    metric = LocalizationMetric(0.1).figures(np.ones((8, 1), int), 1)[0]
    assert COLUMNS.keys() <= metric.keys()


def test_a_table_has_the_figures_of_test():
    test = {column: 10.05 + i for i, column in enumerate(COLUMNS)}
    result = LocalizationResult('BAS', Config(), 'a.pth', 0.35, dict.fromkeys(COLUMNS, 1.0), test)
    line = results_table([result]).splitlines()[-1]
    cells = [cell.strip() for cell in line.split('|')[1:-1]]
    assert cells == ['BAS', *(f'{value:.1f}' for value in test.values()), '0.35']


@pytest.fixture
def datasets(tmp_path, monkeypatch):
    """Configs of the sets val and test, which share no picture, in the working directory."""
    write_split_folder(tmp_path / 'data', dict(val=3, test=5))
    (tmp_path / 'link').symlink_to('data')
    shutil.copytree(tmp_path / 'data/metadata/test', tmp_path / 'lists/copy')
    monkeypatch.chdir(tmp_path)
    dataset = dict(type='SplitFolder', data_root='data', data_prefix=dict(img_path='images'))
    return [dict(dataset, classes=4, split_dir=f'metadata/{s}') for s in ('val', 'test')]


@pytest.mark.parametrize(
    'change',
    [
        {},
        dict(split_dir='metadata/test/'),
        dict(data_root='./data/../data/'),
        dict(data_root='{absolute}/data'),
        dict(data_root='link'),
        dict(split_dir='{absolute}/lists/copy'),
        dict(with_boxes=False),
        dict(classes=('a', 'b', 'c', 'd')),
        dict(type='bas_mm.SplitFolder'),
    ],
)
def test_val_that_reads_the_pictures_of_test_in_another_way(datasets, tmp_path, change):
    val, test = datasets
    own = {
        key: value.format(absolute=tmp_path) if isinstance(value, str) else value
        for key, value in {**test, **change}.items()
    }
    cfg = Config(dict(val_dataloader=dict(dataset=own), test_dataloader=dict(dataset=test)))
    with pytest.raises(ValueError, match='read the same pictures'):
        require_own_val(cfg)
    with pytest.raises(ValueError, match='read the same pictures'):
        choose_checkpoint_and_test(cfg, ['a'], 'name')
    cfg.val_dataloader.dataset = val
    require_own_val(cfg)
    # A test set that has the pictures of val among others.
    cfg.val_dataloader.dataset = dict(type='ConcatDataset', datasets=[val, test])
    with pytest.raises(ValueError, match='read 5 of the same pictures, such as .*test'):
        require_own_val(cfg)
    cfg.val_dataloader = None
    with pytest.raises(ValueError, match='no val_dataloader'):
        require_own_val(cfg)


@pytest.fixture(scope='module')
def run_cfg(tmp_path_factory):
    """Config of a whole run."""
    folder = tmp_path_factory.mktemp('run')
    write_split_folder(folder, dict(train=4, test=3))
    cfg = tiny_run_cfg(folder, folder / 'work')
    cfg.custom_hooks.append(dict(type='EmptyLoaderHook'))
    return cfg


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'train_dataloader.dataset.data_root': 'no'}, 'train_dataloader.dataset: no/'),
        ({'val_dataloader.dataset.data_root': 'no'}, 'val_dataloader.dataset: no/'),
        ({'test_dataloader.dataset.data_root': 'no'}, 'test_dataloader.dataset: no/'),
        (
            {'test_dataloader.dataset.with_boxes': False},
            'test_dataloader.dataset: test/0000.png: there is no ground-truth box. Localization',
        ),
        ({'val_dataloader.dataset.classes': 7}, 'model.head.num_classes=4 and model.generator.num'),
        ({'test_dataloader.batchsize': 2}, 'test_dataloader.batchsize: DataLoader takes no'),
        ({'train_dataloader.batch_size': 9}, 'train_dataloader.batch_size=9: the 4 pictures'),
        ({'test_dataloader': None}, 'there is no test_dataloader: '),
        ({'val_evaluator.type': 'PxAP'}, 'val_evaluator has no LocalizationMetric: '),
        ({'test_evaluator': [dict(type='PxAP')]}, 'test_evaluator has no LocalizationMetric: '),
        ({'test_evaluator.a': 1}, 'test_evaluator.a: LocalizationMetric takes no a'),
        ({'model.head.a': 1}, 'model.head.a: '),
        ({'optim_wrapper.optimizer.type': 'SGE'}, "optim_wrapper.optimizer.type='SGE': "),
        ({'param_scheduler.type': 'StopLR'}, "param_scheduler.type='StopLR': "),
        ({'custom_hooks.0.type': 'NoHook'}, "custom_hooks.0.type='NoHook': "),
        ({'load_from': 'no.pth'}, 'load_from: there is no checkpoint no.pth: train or'),
        (
            {'model.init_cfg': dict(type='Pretrained', checkpoint='no.pth')},
            'model.init_cfg.checkpoint: there is no checkpoint no.pth: train or convert',
        ),
    ],
)
def test_what_is_known_before_a_training(run_cfg, capsys, change, message):
    cfg = deepcopy(run_cfg)
    cfg.train_dataloader.drop_last = True
    cfg.merge_from_dict(change)
    with pytest.raises(SystemExit, match='2'), fail_on_input_errors(cfg, 'c.py'):
        require_whole_run(cfg, 'name')
    assert f'error: c.py: {message}' in capsys.readouterr().err


def test_what_no_training_begins_without(run_cfg, monkeypatch):
    """Without θ, or a figure to choose it by, it would be known after the training alone."""
    begun = []
    monkeypatch.setattr(localization_protocol, 'new_runner', lambda *_: begun.append(1))
    for split in ('val', 'test'):
        cfg = deepcopy(run_cfg)
        cfg[f'{split}_evaluator'] = dict(type='PxAP')
        with pytest.raises(ValueError, match=f'{split}_evaluator has no LocalizationMetric'):
            train_and_test(cfg, 'name')
    for choose_by in (['top1loc'], 'top1loc'):
        with pytest.raises(ValueError, match='chosen by top1loc'):
            train_and_test(run_cfg, 'name', choose_by)
    assert not begun


def test_a_look_before_a_training_leaves_no_trace(run_cfg, monkeypatch, capfd):
    told = []
    monkeypatch.setattr(LocalVisBackend, 'add_config', lambda *_: told.append(1))
    run_cfg = deepcopy(run_cfg)
    run_cfg.visualizer = dict(type='Visualizer', vis_backends=[dict(type='LocalVisBackend')])
    before, work = run_cfg.pretty_text, Path(run_cfg.work_dir)
    val, test = require_whole_run(run_cfg, 'name')
    assert not told
    assert (len(val), len(test)) == (3, 3)
    assert run_cfg.pretty_text == before
    assert not work.exists()
    assert not capfd.readouterr().out
