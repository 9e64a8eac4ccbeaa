"""model-index.yml and its metafiles: every network config once, with its own recipe."""

import re
from collections import Counter
from pathlib import Path

import pytest
from mmengine.config import Config

modelindex = pytest.importorskip('modelindex', reason='the package model-index is not installed')

KINDS = ('bas', 'cam', 'wsss', 'deeplabv2', 'det')
# Reader of the training pictures -> name of the set.
SETS = {
    'CUB200': 'CUB-200-2011',
    'ILSVRC': 'ILSVRC 2012',
    'ILSVRCRelease': 'ILSVRC 2012',
    'OpenImages30k': 'OpenImages30k',
    'StanfordDogs': 'Stanford Dogs',
    'StanfordCars': 'Stanford Cars',
    'FGVCAircraft': 'FGVC-Aircraft',
    'SplitFolder': 'critters',
    'SyntheticParts': 'SyntheticParts',
    'SyntheticScenes': 'SyntheticScenes',
    'SegmentationScenes': 'SyntheticScenes',
    'VOC12MultiLabel': 'PASCAL VOC 2012',
    'VOC12Segmentation': 'PASCAL VOC 2012',
    'COCO14MultiLabel': 'COCO 2014',
    'COCO14Segmentation': 'COCO 2014',
}

# What the papers report: Top-1 Loc / Top-5 Loc / GT-Known, and the other figures in their order.
PAPERS = {
    'CUB-200-2011': '70.90 / 85.36 / 91.04 | 70.54 / 86.71 / 93.04 | '
    '76.75 / 90.04 / 95.41 | 72.09 / 88.11 / 94.63',
    'ILSVRC': '52.94 / 65.38 / 69.66 | 53.05 / 66.68 / 72.03 | '
    '57.46 / 68.57 / 72.00 | 58.50 / 69.03 / 72.07',
}
PAPERS_PIXELS = (50.72, 66.86)
PAPERS_SEGMENTATION = (57.7, 58.2, 71.1, 69.6, 69.9)


@pytest.fixture(scope='module')
def index(repo_dir: Path):
    index = modelindex.load(str(repo_dir / 'model-index.yml'))
    index.build_models_with_collections()
    return index


@pytest.fixture(scope='module')
def models(index) -> dict:
    return {model.config: model for model in index.models}


def test_it_is_sound_and_every_collection_is_used(index, capsys):
    index.check(silent=False)
    assert 'All good!' in capsys.readouterr().out
    used = {model.in_collection for model in index.models} - {None}
    assert used == {collection.name for collection in index.collections}
    for collection in index.collections:
        assert collection.paper['URL'].startswith('https://')
        assert collection.paper['Title']


def test_every_network_config_is_listed_once(index, models, repo_dir):
    there = {
        path.relative_to(repo_dir).as_posix()
        for kind in KINDS
        for path in (repo_dir / 'configs' / kind).glob('*.py')
    }
    # Those name the configs of their steps and have no network.
    pipelines = {name for name in there if Path(name).name.startswith('pipeline_')}
    assert len(pipelines) == 3
    assert Counter(model.config for model in index.models) == Counter(there - pipelines)
    # Of two of one name, in whatever folders, each would train into the other's work folder.
    assert [name for name, count in Counter(Path(n).stem for n in there).items() if count > 1] == []
    for config, model in models.items():
        assert model.name == Path(config).stem
    assert all(model.weights is None for model in index.models)


# The configs of detectors begin with some of mmdetection's.
@pytest.mark.parametrize('kind', [*KINDS[:-1], pytest.param('det', marks=pytest.mark.det)])
def test_recipes_are_those_of_the_configs(kind, models, repo_dir):
    own = {config: model for config, model in models.items() if f'/{kind}/' in config}
    assert own
    for config, model in own.items():
        cfg = Config.fromfile(repo_dir / config)
        data = model.metadata.data
        if 'Epochs' in data:
            assert data['Epochs'] == cfg.train_cfg.max_epochs, config
        else:
            assert data['Iterations'] == cfg.train_cfg.max_iters, config
        # ILSVRC's configs are for four GPUs.
        whole = cfg.train_dataloader.batch_size * (4 if '_ilsvrc' in config else 1)
        assert data['Batch Size'] == cfg.auto_scale_lr.base_batch_size == whole, config
        # A detector's training pictures have a file of boxes for a reader.
        dataset = (cfg.test_dataloader if kind == 'det' else cfg.train_dataloader).dataset
        reader = dataset.get('pictures', dataset).type
        assert data['Training Data'] == SETS[reader.removeprefix('bas_mm.')], config


def test_figures_are_the_papers_and_say_so(models, repo_dir):
    text = (repo_dir / 'README.md').read_text()
    found = {}
    for config, model in models.items():
        for result in model.results or ():
            for name, value in result.metrics.items():
                assert name.endswith(' (paper)'), config
                key = f'{result.dataset}: {name.removesuffix(" (paper)")}'
                found.setdefault(Path(config).stem, {})[key] = value

    expected = {}
    for data, label in (('cub', 'CUB-200-2011'), ('ilsvrc', 'ILSVRC')):
        row = re.search(rf'^\| {label} \(paper\) \|(.*)\|$', text, re.MULTILINE)[1]
        assert row.strip() == PAPERS[label]
        backbones = ('vgg16', 'mobilenetv1', 'resnet50', 'inceptionv3')
        name = 'ILSVRC 2012' if data == 'ilsvrc' else label
        for backbone, cell in zip(backbones, row.split('|'), strict=True):
            metrics = ('Top-1 Loc', 'Top-5 Loc', 'GT-Known')
            expected[f'bas_{backbone}_{data}'] = {
                f'{name}: {metric}': float(value)
                for metric, value in zip(metrics, cell.split('/'), strict=True)
            }
    piou, pxap = re.search(r'\(paper\): pIoU ([\d.]+), PxAP ([\d.]+)\.', text).groups()
    assert (float(piou), float(pxap)) == PAPERS_PIXELS
    expected['bas_resnet50_openimages30k'] = {
        'OpenImages30k: pIoU': float(piou),
        'OpenImages30k: PxAP': float(pxap),
    }
    seeds, fused, masks, val, test = map(
        float,
        re.search(
            r'mIoU of seeds on\s+`train` ([\d.]+), of seeds fused for IRNet ([\d.]+), of masks '
            r'([\d.]+); of DeepLabv2 ([\d.]+) on `val`, ([\d.]+) on `test`',
            text,
        ).groups(),
    )
    assert (seeds, fused, masks, val, test) == PAPERS_SEGMENTATION
    voc = 'PASCAL VOC 2012'
    expected['bas_seg_resnet50_voc12'] = {
        f'{voc} train: mIoU of seeds': seeds,
        f'{voc} train: mIoU of seeds fused for IRNet': fused,
    }
    expected['irn_resnet50_voc12'] = {f'{voc} train: mIoU of masks': masks}
    expected['deeplabv2_r101_voc12aug-321x321_20k'] = {
        f'{voc} val: mIoU': val,
        f'{voc} test: mIoU': test,
    }
    assert found == expected
