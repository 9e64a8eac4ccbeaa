"""The plan of each pipeline's config, and its figures."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.hooks import CheckpointHook, Hook
from segmentation_sets import write_coco, write_voc

from bas_mm.command_line import load_config
from bas_mm.datasets import VOC12MultiLabel
from bas_mm.registry import DATASETS, HOOKS
from bas_mm.utils.dense_crf import crf_library
from bas_mm.wsss.pipeline.counting_settings import VALIDATION, settings_of_validation
from bas_mm.wsss.pipeline.missing_inputs import missing_inputs
from bas_mm.wsss.pipeline.plan import plan
from bas_mm.wsss.pipeline.report import read_figures
from bas_mm.wsss.pipeline.runner import PipelineRunner

CONFIGS = sorted((Path(__file__).resolve().parents[3] / 'configs/wsss').glob('pipeline_*.py'))
CONFIGS_OF = {
    'cam': CONFIGS[0].parent / 'cam_seg_small_embedded.py',
    'bas': CONFIGS[0].parent / 'bas_seg_small_embedded.py',
    'irn': CONFIGS[0].parent / 'irn_small_embedded.py',
    'segmentor': CONFIGS[0].parents[1] / 'deeplabv2/deeplabv2_small_embedded.py',
}
ORDER = [
    'cam_seeds',
    'bas_seeds',
    'fused_seeds',
    'eval_seeds',
    'irn_labels',
    'irn',
    'masks',
    'eval_masks',
    'segmentor',
    'test',
]

EVALUATING = {'eval_seeds', 'eval_masks'}
# The steps that read the pictures with image labels.
READERS = {'cam', 'bas', 'cam_seeds', 'bas_seeds', 'irn_labels', 'irn', 'masks', *EVALUATING}


def _plan(path: Path, **kwargs):
    return {step.name: step for step in plan(Config.fromfile(path), Path('work'), **kwargs)}


def _fingerprints(steps: dict) -> dict[str, str]:
    return PipelineRunner(list(steps.values()), Path('work'), Path('tools')).fingerprints


def _write(folder: Path, **texts: str) -> Path:
    """A pipeline of configs that inherit from the embedded ones, with these lines."""
    folder.mkdir(exist_ok=True)
    lines = ["mask_key = 'train_dataloader.dataset.mask_dir'"]
    lines += ['bas_from_cam = True', "irn_from = 'bas'"]
    for key, base in CONFIGS_OF.items():
        (folder / f'{key}.py').write_text(f'_base_ = [{str(base)!r}]\n{texts.get(key, "")}\n')
        lines.append(f'{key} = {key + ".py"!r}')
    (folder / 'pipeline.py').write_text('\n'.join(lines))
    return folder / 'pipeline.py'


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_steps_and_what_they_read(path):
    steps = _plan(path)
    embedded = 'embedded' in path.stem
    # BAS-Seg comes first where it does not start from CAM's weights.
    assert list(steps) == [*(['cam', 'bas'] if embedded else ['bas', 'cam']), *ORDER]
    for name, step in steps.items():
        done = list(steps)[: list(steps).index(name)]
        assert set(step.needs) <= set(done), name
        assert all(Path('work') in out.parents for out in step.outputs)
        for tool, *_ in step.commands:
            assert (path.parents[2] / 'tools' / tool).is_file(), tool
    options = ' '.join(steps['bas'].commands[0])
    assert ('load_from={checkpoint:work/cam}' in options) == embedded
    # What a command names of another step it waits for.
    assert set(steps['bas'].needs) == ({'cam'} if embedded else set())
    assert set(steps['irn'].needs) == {'irn_labels', *(['bas'] if embedded else [])}
    key = 'mask_dir' if embedded else 'data_prefix.seg_map_path'
    masks = Path('work/masks').absolute()
    assert f'train_dataloader.dataset.{key}={masks}' in steps['segmentor'].commands[0]
    # The keys that are set are keys of the configs.
    segmentor = Config.fromfile(steps['segmentor'].commands[0][1])
    place = segmentor.train_dataloader.dataset
    assert 'mask_dir' in place or 'seg_map_path' in place.data_prefix
    assert 'label_dir' in Config.fromfile(steps['irn'].commands[0][1]).train_dataloader.dataset
    assert steps['bas'].batch == steps['cam'].batch == 16


def test_steps_that_need_the_dense_crf(tmp_path):
    def steps(**texts: str) -> set[str]:
        found = _plan(_write(tmp_path, **texts))
        assert {step.require for step in found.values()} == {None, crf_library}
        return {name for name, step in found.items() if step.require}

    assert steps() == {'irn_labels'}
    for crf in ('dict()', 'dict(iterations=5)'):
        of_segmentor = f'model = dict(test_cfg=dict(crf={crf}))'
        assert steps(segmentor=of_segmentor) == {'irn_labels', 'segmentor', 'test'}
    # A training without a validation predicts nothing.
    without = f'{of_segmentor}\nval_dataloader = val_cfg = val_evaluator = None'
    assert steps(segmentor=without) == {'irn_labels', 'test'}
    # Of another model it is another thing.
    assert steps(segmentor=f"{of_segmentor}\nmodel['type'] = 'mmseg.EncoderDecoder'") == {
        'irn_labels'
    }


def test_configs_with_the_classes_in_several_orders(tmp_path):
    pictures = "dict(_delete_=True, type='MultiLabelList', ann_file='l.txt', classes={})"
    (tmp_path / 'classes.txt').write_text('cat\ndog\n')
    in_file, in_order, swapped = repr(f'{tmp_path}/classes.txt'), ('cat', 'dog'), ('dog', 'cat')

    def write(**classes) -> Path:
        given = dict(cam=in_order, bas=in_order, irn=in_order, segmentor=in_order) | classes
        own = {key: pictures.format(names) for key, names in given.items()}
        of_both = (
            'train_dataloader = dict(dataset={0})\nseed_dataloader = dict(dataset={0})\n'
            'val_dataloader = test_dataloader = seed_evaluator = None'
        )
        return _write(
            tmp_path / 'configs',
            cam=of_both.format(own['cam']),
            bas=of_both.format(own['bas']),
            irn=f'train_dataloader = dict(dataset=dict(pictures={own["irn"]}))',
            segmentor="train_dataloader = dict(dataset=dict(_delete_=True, mask_dir='x', "
            f"type='PseudoMaskDataset', pictures={own['segmentor'].replace('_delete_=True, ', '')}"
            '))\nval_dataloader = test_dataloader = None',
        )

    _plan(write())
    _plan(write(bas=in_file, irn=2))
    # The step that reads it says that it is not there.
    _plan(write(irn=repr(f'{tmp_path}/nowhere.txt')))
    for key in ('bas', 'irn', 'segmentor'):
        message = (
            f"train_dataloader.dataset of {key}'s config has the classes in another order than "
            "train_dataloader.dataset of cam's config: class 0, counted from 0, is 'dog' in the "
            "first and 'cat' in the second"
        )
        with pytest.raises(ValueError, match=message):
            _plan(write(**{key: swapped}))
    with pytest.raises(ValueError, match="bas's config has the classes in another order"):
        _plan(write(cam=in_file, bas=swapped))
    # The first list that is met has no name of the others.
    for first in (2, ('chat', 'chien')):
        message = "irn's config has the classes in another order than .* of bas's config"
        with pytest.raises(ValueError, match=message):
            _plan(write(cam=first, irn=swapped))


def test_mmsegmentations_sets_renumber_their_masks(tmp_path):
    """Files have the order of PASCAL VOC whatever order the segmentor has; others have its own."""
    voc = VOC12MultiLabel.METAINFO['classes']
    swapped = 'background', *voc[1::-1], *voc[2:]
    kinds = 'VOC12Segmentation', 'mmseg.PascalVOCDataset', 'COCO14Segmentation'
    own = dict.fromkeys(
        ('cam', 'bas'),
        "train_dataloader = dict(dataset=dict(_delete_=True, type='VOC12MultiLabel'))\n"
        'seed_dataloader = val_dataloader = test_dataloader = seed_evaluator = None',
    )
    pictures = "dict(_delete_=True, type='VOC12MultiLabel')"
    own['irn'] = f'train_dataloader = dict(dataset=dict(pictures={pictures}))'
    for kind in kinds:
        segmentor = (
            f"train_dataloader = dict(dataset=dict(_delete_=True, type='{kind}', mask_dir='x', "
            f'metainfo=dict(classes={swapped})))\nval_dataloader = test_dataloader = None'
        )
        path = _write(tmp_path / kind, segmentor=segmentor, **own)
        if kind != 'COCO14Segmentation':
            _plan(path)
            continue
        message = "segmentor's config has the classes in another order than .* of cam's config"
        with pytest.raises(ValueError, match=message):
            _plan(path)


def test_no_data_set_is_built(tmp_path, monkeypatch):
    """The embedded set would be painted."""
    monkeypatch.chdir(tmp_path)
    built = []
    monkeypatch.setattr(DATASETS, 'build', built.append)
    for path in CONFIGS:
        _plan(path)
    assert not built
    assert not list(tmp_path.iterdir())


# Pictures of one's own, for seeds; what the set of scenes has besides is not theirs.
OWN = """
seed_dataloader = dict(dataset=dict(
    _delete_=True, type='MultiLabelList', ann_file='list.txt', classes=('a', 'b'),
    data_prefix=dict(img_path='pictures'{masks})))
"""


@pytest.mark.parametrize(
    ('bas', 'left_out'),
    [
        ('', False),
        (OWN.format(masks=''), True),
        (OWN.format(masks=', seg_map_path=None'), True),
        # That the folder is not there is a mistake, which the evaluation names.
        (OWN.format(masks=", seg_map_path='nowhere'"), False),
        ('seed_dataloader = dict(dataset=dict(data_prefix=dict(seg_map_path=None)))', True),
        ("seed_dataloader = dict(dataset=dict(data_prefix='pictures'))", False),
        # Masks of other pictures than those of the seeds.
        (
            OWN.format(masks='')
            + "seed_evaluator = dict(dataset=dict(type='VOC12MultiLabel', split='val'))",
            False,
        ),
        (
            OWN.format(masks='').replace('_delete_=True, ', '')
            + "own = seed_dataloader['dataset']\n"
            "joined = dict(_delete_=True, type='ConcatDataset', datasets=[own, own])\n"
            'seed_dataloader = dict(dataset=joined)',
            True,
        ),
        # A reader that is not ours says nothing of masks, alone or beside others.
        (
            OWN.format(masks='').replace('_delete_=True, ', '')
            + "own = seed_dataloader['dataset']\n"
            "other = dict(type='IRNLabelDataset')\n"
            "joined = dict(_delete_=True, type='ConcatDataset', datasets=[own, other])\n"
            'seed_dataloader = dict(dataset=joined)',
            False,
        ),
        ("seed_dataloader = dict(dataset=dict(_delete_=True, type='IRNLabelDataset'))", False),
        # Its own masks, of which the set of the pictures has none.
        (
            OWN.format(masks='').replace('_delete_=True, ', '')
            + "own = dict(type='PseudoMaskDataset', pictures=seed_dataloader['dataset'])\n"
            "seed_dataloader = dict(dataset=dict(_delete_=True, mask_dir='true', **own))",
            False,
        ),
    ],
)
def test_evaluations_without_true_masks_are_left_out(tmp_path, bas, left_out):
    steps = _plan(_write(tmp_path, bas=bas))
    why = 'for the data set of bas.py has no data_prefix.seg_map_path' if left_out else ''
    found = {name: step.left_out for name, step in steps.items() if step.left_out}
    assert found == ({'eval_seeds': why, 'eval_masks': why} if left_out else {})


def test_the_test_of_a_segmentor_without_a_test_set_is_left_out(tmp_path):
    none = 'test_dataloader = test_cfg = test_evaluator = None'
    steps = _plan(_write(tmp_path, segmentor=none))
    found = {name: step.left_out for name, step in steps.items() if step.left_out}
    assert found == {'test': 'for segmentor.py has no test_dataloader'}


def test_each_step_can_use_several_processes():
    for name, step in _plan(CONFIGS[0]).items():
        assert step.distributed or step.has_workers, name


def test_seed_is_that_of_every_training():
    steps = _plan(CONFIGS[0], seed=3)
    for name in ('cam', 'bas', 'irn', 'segmentor'):
        assert 'randomness.seed=3' in steps[name].commands[0]
    again = _plan(CONFIGS[0], seed=4)
    assert _fingerprints(again)['cam'] != _fingerprints(steps)['cam']


RELEASES = {
    'voc12': lambda: write_voc(Path('data/VOCdevkit/VOC2012'), train_aug=False),
    'coco14': lambda: (Path('data/coco').mkdir(parents=True), write_coco(Path('data/coco'))),
}
VOC, COCO = 'data/VOCdevkit/VOC2012', 'data/coco'


def _missing(path: Path) -> dict[str, tuple[str, set[str]]]:
    """What is not there: what to do about it, and the steps that read it."""
    found = {}
    for step in _plan(path).values():
        for missing, advice in missing_inputs(step.reads).items():
            found.setdefault(missing, (advice, set()))[1].add(step.name)
    return found


@pytest.mark.parametrize(
    ('data', 'root', 'made', 'tool', 'taken'),
    [
        (
            'voc12',
            VOC,
            {f'{VOC}/ImageSets/Segmentation/train_aug.txt': {*READERS, 'segmentor'}},
            'voc12_lists.py DEVKIT --sbd SBD',
            {
                f'{VOC}/Annotations': READERS,
                f'{VOC}/JPEGImages': {*READERS, 'segmentor', 'test'},
                f'{VOC}/SegmentationClass': {*EVALUATING, 'segmentor', 'test'},
                f'{VOC}/ImageSets/Segmentation/val.txt': {'cam', 'bas', 'segmentor', 'test'},
            },
        ),
        (
            'coco14',
            COCO,
            {
                f'{COCO}/masks/train2014': EVALUATING,
                f'{COCO}/masks/val2014': {'segmentor', 'test'},
                f'{COCO}/labels/train2014_ids.txt': {'segmentor'},
            },
            'coco14_lists.py COCO_FOLDER',
            {
                f'{COCO}/annotations/instances_train2014.json': READERS,
                f'{COCO}/annotations/instances_val2014.json': {'cam', 'bas'},
                f'{COCO}/train2014': {*READERS, 'segmentor'},
                f'{COCO}/val2014': {'cam', 'bas', 'segmentor', 'test'},
            },
        ),
    ],
)
def test_data_that_steps_lack(tmp_path, monkeypatch, data, root, made, tool, taken):
    """All of them, each with the command that makes it; nothing is read for it."""
    monkeypatch.chdir(tmp_path)
    path = CONFIGS[0].parent / f'pipeline_resnet50_{data}.py'
    nothing = _missing(path)
    assert 'correct the path' in nothing[root][0]
    assert nothing[root][1] == READERS
    RELEASES[data]()
    found = _missing(path)
    assert {missing: steps for missing, (_, steps) in found.items()} == made
    assert all(f'python tools/dataset_converters/{tool}' in advice for advice, _ in found.values())
    for missing in made:
        Path(missing).parent.mkdir(parents=True, exist_ok=True)
        Path(missing).touch()
    assert _missing(path) == {}
    for missing, steps in taken.items():
        Path(missing).rename('away')
        assert {name: own for name, (_, own) in _missing(path).items()} == {missing: steps}
        Path('away').rename(missing)


def test_data_of_own_configs_that_steps_lack(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The embedded scenes are painted.
    assert _missing(_write(tmp_path / 'configs')) == {}
    own = "dict({}type='MultiLabelList', ann_file='list.txt', classes=2, data_root='/nowhere')"
    pseudo = (
        f"dict(_delete_=True, type='PseudoMaskDataset', mask_dir={{!r}}, pictures={own.format('')})"
    )
    texts = dict(
        cam=f'train_dataloader = dict(dataset={own.format("_delete_=True, ")})',
        segmentor=f'train_dataloader = dict(dataset={pseudo.format("made")})\n'
        f'test_dataloader = dict(dataset={pseudo.format("true")})',
        # A set of others, and settings that fit none: who builds them says so.
        irn="train_dataloader = dict(dataset=dict(pictures=dict(_delete_=True, type='Some')))",
        bas="train_dataloader = dict(dataset=dict(_delete_=True, type='MultiLabelList'))",
    )
    found = _missing(_write(tmp_path / 'configs', **texts))
    assert {name: steps for name, (_, steps) in found.items()} == {
        '/nowhere': {'cam', 'segmentor', 'test'},
        'true': {'test'},
    }
    # The names of classes may stand in a file; it is not opened.
    named = own.replace('classes=2', "classes='names.txt'")
    text = f'train_dataloader = dict(dataset={named.format("_delete_=True, ")})'
    assert set(_missing(_write(tmp_path / 'configs', cam=text))) == {'/nowhere'}
    here = text.replace('/nowhere', '')
    assert set(_missing(_write(tmp_path / 'configs', cam=here))) == {'list.txt', 'names.txt'}
    # Without a validation its data are not read.
    val = "val_dataloader = dict(dataset=dict(_delete_=True, type='COCO14MultiLabel'))"
    assert set(_missing(_write(tmp_path / 'configs', cam=val))) == {'data/coco'}
    none = f'{val}\nval_cfg = val_evaluator = None'
    assert _missing(_write(tmp_path / 'configs', cam=none)) == {}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_no_pipeline_of_ours_needs_files_of_weights(path):
    """Theirs are downloaded, or steps make them."""
    assert {name: step.weights for name, step in _plan(path).items() if step.weights} == {}


def test_files_of_weights_that_trainings_begin_with(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    init = "init_cfg=dict(type='{}', checkpoint='{}')"
    own, url = (
        f"load_from = '{load_from}'\nmodel = dict(backbone=dict({init.format(*given)}))"
        for load_from, given in (
            ('https://a.org/b.pth', ('PretrainedBackbone', 'net.pth')),
            ('coco.pth', ('mmengine.Pretrained', 'open-mmlab://resnet50_v1c')),
        )
    )
    head = "[dict(type='Normal', std=1), dict(type='Pretrained', checkpoint='~/head.pth')]"
    texts = dict(
        cam=own,
        # CAM's weights, and BAS-Seg's, come in the place of these.
        bas="load_from = 'gone.pth'",
        irn=f'model = dict(backbone=dict({init.format("PretrainedBackbone", "gone.pth")}))',
        segmentor=f"{url}\nmodel['decode_head'] = dict(init_cfg={head})",
    )
    found = {name: step.weights for name, step in _plan(_write(tmp_path, **texts)).items()}
    assert {name: weights for name, weights in found.items() if weights} == {
        'cam': {'model.backbone.init_cfg.checkpoint': 'net.pth'},
        'segmentor': {
            'load_from': 'coco.pth',
            'model.decode_head.init_cfg.1.checkpoint': '/home/me/head.pth',
        },
    }


def test_settings_change_the_steps_that_read_them(tmp_path):
    """A new background score of IRNet's labels does not train CAM anew."""

    def changed(**texts: str) -> dict[str, dict]:
        return {name: step.settings for name, step in _plan(_write(tmp_path, **texts)).items()}

    before = changed()
    for texts, expected in (
        (dict(bas='irn_label_cfg = dict(foreground=0.4)'), {'irn_labels'}),
        (dict(cam='seed_cfg = dict(flip=False)'), {'cam_seeds'}),
        (dict(bas='seed_evaluator = dict(thresholds=[0.5])'), {'eval_seeds', 'eval_masks'}),
        (dict(cam='optim_wrapper = dict(optimizer=dict(lr=1))'), {'cam'}),
        (dict(irn='mask_cfg = dict(background=0.5)'), {'masks'}),
        (dict(segmentor='model = dict(test_cfg=dict(flip=False))'), {'test'}),
        (dict(segmentor='model = dict(test_cfg=dict(crf=dict()))'), {'test'}),
        (dict(segmentor='test_dataloader = dict(batch_size=2)'), {'test'}),
    ):
        after = changed(**texts)
        assert {name for name in before if after[name] != before[name]} == expected, texts


def test_where_files_lie_decides_nothing(tmp_path):
    """Neither the work folder's name or spelling nor the place of the configs."""
    expected = _fingerprints(_plan(_write(tmp_path / 'one')))
    assert len(set(expected.values())) == 12
    cfg = Config.fromfile(_write(tmp_path / 'two'))
    for work_dir in (Path('work'), tmp_path / 'work', Path('other/name')):
        steps = {step.name: step for step in plan(cfg, work_dir)}
        assert _fingerprints(steps) == expected
        assert steps['fused_seeds'].commands[0][1:] == tuple(
            str(work_dir / name) for name in ('bas_seeds', 'cam_seeds', 'fused_seeds')
        )
        assert steps['cam'].commands[0][1] == str(tmp_path / 'two/cam.py')


@pytest.mark.parametrize('name', ['q 1', 'a, b', 'it\'s [a, "b', '[x] (1'])
def test_folders_in_settings_arrive_as_they_are(tmp_path, monkeypatch, name):
    """Absolute, for data sets take others below their data_root; with blanks and commas."""
    monkeypatch.chdir(tmp_path)
    config = _write(tmp_path)

    def read(step: str):
        _, path, *_, option = steps[step].commands[0]
        return load_config(path, [option])

    if '"' in name and "'" in name:
        with pytest.raises(ValueError, match='with a comma and quotes of both kinds'):
            plan(Config.fromfile(config), Path(name))
        return
    steps = {step.name: step for step in plan(Config.fromfile(config), Path(name))}
    assert _fingerprints(steps) == _fingerprints(_plan(config))
    assert read('segmentor').train_dataloader.dataset.mask_dir == str(tmp_path / name / 'masks')
    assert read('bas').load_from == f'{{checkpoint:{name}/cam}}'
    _, path, *_, labels, _ = steps['irn'].commands[0]
    found = load_config(path, [labels]).train_dataloader.dataset.label_dir
    assert found == str(tmp_path / name / 'irn_labels')


@pytest.mark.parametrize(
    ('key', 'said'),
    [
        ('train_dataloader.dataset.mask_dirs', 'like it are train_dataloader.dataset.mask_dir'),
        ('train_dataloader.datset.mask_dir', 'like it are train_dataloader.dataset.mask_dir'),
        ('mask_dir', 'there are train_dataloader.batch_size, '),
        ('train_dataloader.dataset', 'like it are train_dataloader.dataset.'),
        # The masks of a test: the training would have the true ones.
        ('test_dataloader.dataset.mask_dir', 'like it are train_dataloader.dataset.mask_dir'),
        (3, 'there are '),
    ],
)
def test_a_mask_key_that_training_does_not_read(tmp_path, key, said):
    cfg = Config.fromfile(_write(tmp_path))
    cfg.mask_key = key
    with pytest.raises(ValueError, match='names no value of train_dataloader') as error:
        plan(cfg, Path('work'))
    message = str(error.value)
    assert message.startswith(f'mask_key={key!r} ')
    assert f'the config {tmp_path}/segmentor.py, where {said}' in message
    assert 'write it there, with any folder' in message
    assert '\n' not in message


def test_a_mask_key_of_a_list(tmp_path):
    text = """
one = dict(type='A', data_prefix=dict(img_path='a', seg_map_path=None))
train_dataloader = dict(_delete_=True, batch_size=2, dataset=dict(type='C', datasets=[one, one]))
"""
    cfg = Config.fromfile(_write(tmp_path, segmentor=text))
    start = 'train_dataloader.dataset.datasets'
    cfg.mask_key = f'{start}.1.data_prefix.seg_map_path'
    plan(cfg, Path('work'))
    for key in (f'{start}.2.data_prefix.seg_map_path', f'{start}.0.data_prefix.seg_map'):
        cfg.mask_key = key
        with pytest.raises(ValueError, match=f'like it are .*{start}.0.data_prefix.seg_map_path'):
            plan(cfg, Path('work'))


def test_what_does_not_count(tmp_path):
    """Logs, drawings, loading, and what the commands replace: nothing is made anew for these."""
    expected = _fingerprints(_plan(_write(tmp_path)))

    def changed(**texts: str) -> set[str]:
        after = _fingerprints(_plan(_write(tmp_path, **texts)))
        return {name for name in after if after[name] != expected[name]}

    everything = """
default_hooks = dict(
    logger=dict(interval=7), visualization=dict(type='LocalizationVisualizationHook', enable=True),
    checkpoint=dict(interval=3, max_keep_ckpts=1, save_best='mIoU', rule='greater'))
log_level = 'WARNING'
log_processor = dict(window_size=3)
visualizer = dict(name='other')
work_dir = 'elsewhere'
launcher = 'pytorch'
find_unused_parameters = None
workers = 7  # a variable
"""
    loaders = 'train_dataloader = dict(num_workers=3, persistent_workers=True, pin_memory=True)\n'
    seeds = 'seed_dataloader = dict(num_workers=5)\n'
    same = changed(
        cam=everything + loaders + seeds,
        bas=everything + loaders + seeds + "load_from = '/elsewhere/cam.pth'\n",
        irn=everything
        + loaders
        + "train_dataloader['dataset'] = dict(label_dir='/elsewhere/irn_labels')\n",
        segmentor=everything
        + loaders
        + "train_dataloader['dataset'] = dict(mask_dir='/elsewhere/masks')\n",
    )
    assert same == set()
    assert changed(cam='find_unused_parameters = True') >= {'cam', 'cam_seeds'}
    # What comes out of a training that does not save its end is what was saved last.
    saving = 'default_hooks = dict(checkpoint=dict(save_last=False, interval={}))'
    two, three = (
        _fingerprints(_plan(_write(tmp_path, segmentor=saving.format(n)))) for n in (2, 3)
    )
    assert {name for name in two if two[name] != three[name]} == {'segmentor', 'test'}


def test_how_a_training_is_validated_does_not_count(tmp_path):
    """Unless something acts on what is found: the last checkpoint may be another then."""

    def fingerprints(common: str, text: str) -> dict[str, str]:
        own = dict.fromkeys(('cam', 'bas', 'segmentor'), text)
        own['segmentor'] = f'{common}\n{text}'
        return _fingerprints(_plan(_write(tmp_path, **own)))

    def changed(text: str, common: str = '') -> set[str]:
        before, after = fingerprints(common, ''), fingerprints(common, text)
        return {name for name in after if after[name] != before[name]}

    way = 'train_cfg = dict(val_interval=3, val_begin=2)\nval_dataloader = dict(batch_size=8)'
    none = 'val_dataloader = val_cfg = val_evaluator = None'
    assert changed(way) == changed(none) == set()
    stops = "custom_hooks = [dict(type='EarlyStoppingHook', monitor='mIoU')]"
    # What its validations predict is another thing then, too.
    crf = "if 'decode_head' in _base_.model:\n    model = dict(test_cfg=dict(crf=dict()))"
    for text in (way, none, crf):
        assert changed(text, stops) == {'segmentor', 'test'}, text


# Two of a user's own: one that only says that it was there, and one that acts.
class SaysHook(Hook):
    def after_train(self, runner) -> None:
        print('done')


class ActsHook(CheckpointHook):
    def after_val_epoch(self, runner, metrics=None) -> None:
        runner.train_loop.stop_training = metrics['mIoU'] > 50


PLATEAU = dict(type='ReduceOnPlateauLR', monitor='mIoU')


@pytest.mark.parametrize(
    ('cfg', 'heeds'),
    [
        (dict(), False),
        (dict(default_hooks=None, custom_hooks=None, param_scheduler=None), False),
        (dict(custom_hooks=[dict(type='EMAHook'), dict(type=SaysHook)]), False),
        (dict(default_hooks=dict(checkpoint=dict(type='CheckpointHook', save_best='a'))), False),
        (dict(default_hooks=dict(logger=None)), False),
        # The training says that there is none.
        (dict(custom_hooks=[dict(type='NowhereHook')]), False),
        (dict(param_scheduler=[dict(type='PolyLR')]), False),
        (dict(default_hooks=dict(stop=dict(type='mmengine.EarlyStoppingHook'))), True),
        (dict(custom_hooks=[dict(type=ActsHook)]), True),
        (dict(custom_hooks=[dict(type=f'{__name__}.ActsHook')]), True),
        (dict(custom_hooks=[dict(type='OwnActsHook')]), True),
        (dict(param_scheduler=PLATEAU), True),
        (dict(param_scheduler=[dict(type='PolyLR'), PLATEAU]), True),
        (dict(param_scheduler=dict(generator=[PLATEAU])), True),
    ],
)
def test_what_acts_on_validations(cfg, heeds, monkeypatch):
    # As the imports of a config do.
    monkeypatch.setitem(HOOKS.module_dict, 'OwnActsHook', ActsHook)
    assert settings_of_validation(cfg) == (() if heeds else VALIDATION)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_nothing_acts_on_the_validations_of_the_recipes(path):
    for name, step in _plan(path).items():
        if step.resumable_training:
            assert 'val_dataloader' not in step.settings, name
            assert 'val_interval' not in step.settings['train_cfg'], name


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('model = dict(', 'the config PATH cannot be read: SyntaxError: '),
        ('del train_dataloader', 'the config PATH cannot be read: NameError: '),
        ('train_dataloader = None', "irn='irn.py': the config PATH has no train_dataloader"),
    ],
)
def test_a_config_that_cannot_be_used_is_named(tmp_path, text, message):
    message = message.replace('PATH', re.escape(str(tmp_path / 'irn.py')))
    with pytest.raises(ValueError, match=message):
        _plan(_write(tmp_path, irn=text))


def test_a_batch_sampler_has_the_batch(tmp_path):
    text = "train_dataloader = dict(_delete_=True, batch_sampler=dict(type='Some'), dataset=dict())"
    steps = _plan(_write(tmp_path, irn=text))
    assert steps['irn'].batch is None


def test_commands_name_the_checkpoints_that_are_written(tmp_path):
    steps = _plan(
        _write(tmp_path, irn="default_hooks = dict(checkpoint=dict(filename_tmpl='{}.x'))")
    )
    runner = PipelineRunner(list(steps.values()), Path('work'), Path('tools'))
    for name, said in (
        ('bas', 'load_from=work/cam/epoch_N.pth'),
        ('masks', ' work/irn/N.x '),
        ('test', ' work/segmentor/iter_N.pth '),
    ):
        assert said in f'{runner.command_line(steps[name].commands[0])} ', name
    assert runner.command_line(('a.py', 'my work/cam')) == "python tools/a.py 'my work/cam'"


def test_functions_in_a_config_are_the_same_in_each_process(tmp_path):
    text = 'train_cfg = dict(note=lambda: 1)'
    first, second = (_plan(_write(tmp_path, cam=text))['cam'].settings for _ in range(2))
    assert 'lambda' in first['train_cfg']['note']
    assert first == second


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(cam=None), 'has no cam; the keys are work_dir'),
        (dict(irn='nowhere.py'), "irn='nowhere.py': there is no config"),
        (dict(epochs=3), 'unknown keys epochs'),
        (dict(irn_from='masks'), "irn_from='masks': give 'cam' or 'bas'"),
    ],
)
def test_bad_config_names_the_key(change, message):
    cfg = Config.fromfile(CONFIGS[0])
    cfg.merge_from_dict(change)
    with pytest.raises(ValueError, match=message):
        plan(cfg, Path('work'))


def test_figures_of_what_was_evaluated(tmp_path):
    figures = tmp_path / 'figures'
    figures.mkdir()
    (figures / 'cam_seeds.json').write_text(json.dumps({'best': {'miou': 50.5}}))
    (figures / 'segmentor.json').write_text(json.dumps({'aAcc': 90.0, 'mIoU': 61.25}))
    assert read_figures(tmp_path) == {'CAM seeds': 50.5, 'segmentor': 61.25}
    assert read_figures(tmp_path, {figures / 'cam_seeds.json'}) == {'segmentor': 61.25}
    (figures / 'masks.json').write_text('{"miou"')
    with pytest.raises(ValueError, match='masks.json holds no mIoU'):
        read_figures(tmp_path)
