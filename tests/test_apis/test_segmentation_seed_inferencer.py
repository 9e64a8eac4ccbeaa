"""SegmentationSeedInferencer against the steps of make_seeds.py and plain arithmetic."""

import json
from copy import deepcopy
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from seed_project import DATASET, MODEL, SCALES, network, scenes
from tiny import tiny_model, tiny_model_cfg

from bas_mm.apis import SegmentationSeedInferencer
from bas_mm.datasets import UnreadableImageError
from bas_mm.registry import DATASETS, MODELS
from bas_mm.utils.palette import read_palette_png
from bas_mm.wsss.multi_scale_views import MultiScaleViews
from bas_mm.wsss.seed_file import SeedFile
from bas_mm.wsss.seed_maker import SeedMaker

# The view for scores.
TEST_PIPELINE = [
    DATASET['pipeline'][0],
    dict(type='LocResize', scale=(48, 40)),
    DATASET['pipeline'][1],
]


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """Seven scenes, a checkpoint and a config."""
    folder = tmp_path_factory.mktemp('seeds')
    dataset = scenes(folder / 'data')
    model = network().eval()
    checkpoint = folder / 'bas_seg.pth'
    torch.save(dict(state_dict=model.state_dict()), checkpoint)
    common = {**DATASET, 'data_root': str(folder / 'data')}
    cfg = Config(
        dict(
            model=MODEL,
            seed_dataloader=dict(dataset=common),
            test_dataloader=dict(dataset={**common, 'pipeline': TEST_PIPELINE}),
            seed_cfg=dict(scales=SCALES, flip=True),
        )
    )
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return SimpleNamespace(
        dataset=dataset,
        model=model,
        checkpoint=checkpoint,
        cfg=cfg,
        paths=[info['img_path'] for info in infos],
        labels=[list(info['gt_label']) for info in infos],
        classes=dataset.metainfo['classes'],
    )


@pytest.fixture(scope='module')
def inferencer(project):
    return SegmentationSeedInferencer(
        project.cfg, project.checkpoint, 'cpu', classes=project.classes
    )


def made(project, flip: bool = True, scales=SCALES) -> list[SeedFile]:
    """Seeds of the scenes as make_seeds.py makes them."""
    maker = SeedMaker(project.model, flip)
    views = MultiScaleViews(project.dataset, scales, range(len(project.dataset)))
    return [
        maker.finish(maker.start(v.views, v.classes, v.size), v.classes, v.size)
        for v in (views[i] for i in range(len(views)))
    ]


def test_seeds_are_those_of_make_seeds(project, inferencer):
    found = inferencer(project.paths, 3, labels=project.labels)['predictions']
    for prediction, seeds, path in zip(found, made(project), project.paths, strict=True):
        assert prediction.image == path
        assert prediction.labels == seeds.classes.tolist()
        assert prediction.scores is None
        assert prediction.background == 0.3
        assert prediction.class_names == [project.classes[label] for label in prediction.labels]
        np.testing.assert_array_equal(prediction.strided, seeds.strided)
        np.testing.assert_array_equal(prediction.high_res, seeds.high_res)
    few = inferencer(project.paths, labels=project.labels, scales=(1.0,), flip=False)
    expected = made(project, flip=False, scales=(1.0,))
    np.testing.assert_array_equal(few['predictions'][2].high_res, expected[2].high_res)


def test_scales_and_mirror_images_where_the_config_says_nothing(project):
    cfg = Config(dict(model=MODEL, seed_dataloader=project.cfg.seed_dataloader))
    inferencer = SegmentationSeedInferencer(cfg, project.checkpoint, 'cpu')
    (found,) = inferencer(project.paths[0], labels=[project.labels[0]])['predictions']
    expected = made(project, scales=(1.0, 0.5, 1.5, 2.0))[0]
    np.testing.assert_array_equal(found.high_res, expected.high_res)


def test_label_map_is_the_greatest_map_above_the_background(project, inferencer):
    found = inferencer(project.paths, labels=project.labels, background=0.62)['predictions']
    values = set()
    for prediction, path in zip(found, project.paths, strict=True):
        for row, column in product(*(range(0, length, 6) for length in prediction.size)):
            scores = [np.float32(0.62), *prediction.high_res[:, row, column]]
            best = max(range(len(scores)), key=lambda k: (scores[k], -k))
            expected = 0 if best == 0 else prediction.labels[best - 1] + 1
            assert prediction.label_map[row, column] == expected
            values.add(expected)
        assert prediction.label_map.dtype == np.uint8
        assert prediction.label_map.shape == prediction.size == cv2.imread(path).shape[:2]
    assert len(values) > 2
    (nothing,) = inferencer(project.paths[0], labels=[0], background=1)['predictions']
    assert not nothing.label_map.any()


def test_classes_are_found_by_score_whatever_the_batch(project, inferencer):
    dataset = DATASETS.build(project.cfg.test_dataloader.dataset)
    with torch.no_grad():
        samples = project.model.test_step(default_collate([dataset[i] for i in range(7)]))
    scores = np.stack([sample.pred_score.numpy() for sample in samples])
    threshold = float(np.quantile(scores, 0.4))
    for size in (1, 3):
        found = inferencer(project.paths, size, score_thr=threshold)['predictions']
        for prediction, own in zip(found, scores):
            assert prediction.labels == [k for k in range(4) if own[k] >= threshold]
            np.testing.assert_allclose(prediction.scores, own[prediction.labels], rtol=1e-5)
    # Without a threshold the model's head decides.
    found = inferencer(project.paths, 7)['predictions']
    assert [p.labels for p in found] == [sorted(s.pred_label.tolist()) for s in samples]
    # The seeds are those of the classes that were found.
    again = inferencer(project.paths, labels=[p.labels for p in found])['predictions']
    for prediction, wanted in zip(found, again):
        np.testing.assert_array_equal(prediction.high_res, wanted.high_res)


def test_a_class_that_just_reaches_the_threshold(project, inferencer):
    (found,) = inferencer(project.paths[0], score_thr=0)['predictions']
    assert found.labels == [0, 1, 2, 3]
    for threshold in found.scores:
        (again,) = inferencer(project.paths[0], score_thr=threshold)['predictions']
        assert again.labels == [k for k in range(4) if found.scores[k] >= threshold]


def test_classes_ascend_whatever_order_the_head_finds_them_in(project):
    """Its ``topk`` gives them by score."""
    cfg = deepcopy(project.cfg)
    cfg.model.head.topk = 4
    inferencer = SegmentationSeedInferencer(cfg, project.checkpoint, 'cpu')
    for prediction in inferencer(project.paths, 7)['predictions']:
        assert prediction.labels == [0, 1, 2, 3]
        every = inferencer(prediction.image, score_thr=0)['predictions'][0]
        np.testing.assert_allclose(prediction.scores, every.scores, rtol=1e-5)


def test_one_list_of_classes_for_all_pictures(project, inferencer):
    together = inferencer(project.paths[:3], 2, labels=[2, 0])['predictions']
    each = inferencer(project.paths[:3], labels=[[2, 0]] * 3)['predictions']
    for prediction, wanted in zip(together, each, strict=True):
        assert prediction.labels == wanted.labels == [0, 2]
        np.testing.assert_array_equal(prediction.high_res, wanted.high_res)


def test_pictures_that_are_scored_at_their_own_size(project):
    cfg = deepcopy(project.cfg)
    cfg.test_dataloader.dataset.pipeline = DATASET['pipeline']
    inferencer = SegmentationSeedInferencer(cfg, project.checkpoint, 'cpu')
    pictures = [cv2.imread(path)[: 40 - 8 * (i // 2)] for i, path in enumerate(project.paths)]
    one, three = (inferencer(pictures, size)['predictions'] for size in (1, 3))
    for prediction, wanted, picture in zip(three, one, pictures, strict=True):
        assert prediction.size == picture.shape[:2]
        assert prediction.labels == wanted.labels
        np.testing.assert_allclose(prediction.scores, wanted.scores, rtol=1e-5)


def test_a_picture_without_a_class_is_background(project, inferencer, tmp_path):
    out = tmp_path / 'out'
    found = inferencer(project.paths[:2], score_thr=1.0, out_dir=out, save_seeds=True)
    for prediction, path in zip(found['predictions'], project.paths):
        assert prediction.labels == prediction.scores == []
        height, width = cv2.imread(path).shape[:2]
        assert prediction.high_res.shape == (0, height, width)
        assert prediction.strided.shape == (0, -(-height // 4), -(-width // 4))
        assert not prediction.label_map.any()
    assert not (out / 'seeds').exists()
    assert len(list((out / 'vis').iterdir())) == 2


def test_files(project, inferencer, tmp_path):
    out = tmp_path / 'out'
    found = inferencer(
        project.paths,
        labels=project.labels,
        out_dir=out,
        save_seeds=True,
        return_vis=True,
        background=0.5,
    )
    written = json.loads((out / 'predictions.json').read_text())['predictions']
    assert written == [p.to_dict() for p in found['predictions']]
    for entry, prediction, drawing in zip(
        written, found['predictions'], found['visualization'], strict=True
    ):
        stem = Path(prediction.image).stem
        assert entry['files'] == dict(
            vis=f'vis/{stem}.png', mask=f'masks/{stem}.png', seeds=f'seeds/{stem}.npz'
        )
        assert [c['label'] for c in entry['classes']] == prediction.labels
        mask = read_palette_png(out / entry['files']['mask'])
        np.testing.assert_array_equal(mask, prediction.label_map)
        seeds = SeedFile.load(out / entry['files']['seeds'])
        np.testing.assert_array_equal(seeds.high_res, prediction.high_res)
        drawn = cv2.imread(str(out / entry['files']['vis']))
        np.testing.assert_array_equal(drawn[..., ::-1], drawing)
        # Picture, label map, and a map for each class.
        height, width = prediction.size
        width *= -(-224 // height)
        assert drawing.shape[1] == (2 + len(prediction.labels)) * (width + 6) - 6
        factor = -(-224 // height)
        first = drawing[: height * factor : factor, :width:factor]
        np.testing.assert_array_equal(first, cv2.imread(prediction.image)[..., ::-1])
    inferencer(project.paths[:1], labels=[0], out_dir=tmp_path / 'drawn', no_save_pred=True)
    assert [path.name for path in (tmp_path / 'drawn').iterdir()] == ['vis']
    lean = inferencer(project.paths[:1], labels=[0], return_maps=False)['predictions'][0]
    assert lean.strided is lean.high_res is lean.label_map is None


def test_arrays_and_class_names(project, inferencer):
    array = cv2.imread(project.paths[0])
    names = [project.classes[2], project.classes[0]]
    (found,) = inferencer(array, labels=names)['predictions']
    assert found.labels == [0, 2]
    for labels in ([[2, '0']], torch.tensor([2, 0])):
        (by_path,) = inferencer(project.paths[0], labels=labels)['predictions']
        np.testing.assert_array_equal(found.high_res, by_path.high_res)


def test_class_names_of_several_words(project):
    names = ['sky blue', 'b', 'sky_blue', 'dark  red']
    inferencer = SegmentationSeedInferencer(project.cfg, project.checkpoint, 'cpu', classes=names)
    for label, index in (('sky blue', 0), ('sky_blue', 2), ('dark  red', 3), ('dark_red', 3)):
        assert inferencer.class_index(label) == index
    with pytest.raises(ValueError, match="no class 'light_red'"):
        inferencer.class_index('light_red')


def test_what_cannot_be_used_is_refused(project, inferencer, tmp_path):
    for keywords, message in (
        (dict(labels=[[0], [1]]), '2 lists of labels for 1 pictures'),
        (dict(labels=['nothing']), "no class 'nothing'"),
        (dict(labels=[]), 'labels is empty'),
        (dict(labels=[1.9]), 'a class is an index or a name, got 1.9'),
        (dict(labels={0: 'a'}), 'labels must be a class or a list of classes, not of type dict'),
        (dict(labels=[{0: 'a'}]), 'labels must be a class or a list of classes, not of type dict'),
        (dict(labels=b'\0'), 'labels must be a class or a list of classes, not of type bytes'),
        (dict(score_thr=2), 'score_thr must be a number in'),
        (dict(background=-1), 'background must be a number in'),
        (dict(background=None), 'background must be a number'),
        (dict(background='a'), 'background must be a number'),
        (dict(scales=()), '^scales='),
        (dict(scales=1.0), '^scales=1.0: a list'),
        (dict(save_seeds=True), 'needs out_dir'),
    ):
        with pytest.raises(ValueError, match=message):
            inferencer(project.paths[0], **keywords)
    with pytest.raises(UnreadableImageError, match='none.png'):
        inferencer(tmp_path / 'none.png')

    torch.save(tiny_model().state_dict(), tmp_path / 'bas.pth')
    cfg = Config(dict(model=tiny_model_cfg(), seed_dataloader=project.cfg.seed_dataloader))
    with pytest.raises(ValueError, match='BASClassifier: .*LocalizationInferencer'):
        SegmentationSeedInferencer(cfg, tmp_path / 'bas.pth')
    with pytest.raises(ValueError, match='no seed_dataloader'):
        SegmentationSeedInferencer(Config(dict(model=MODEL)), project.checkpoint)
    cfg = deepcopy(project.cfg)
    cfg.model.head.num_classes = cfg.model.generator.num_classes = 255
    torch.save(MODELS.build(cfg.model).state_dict(), tmp_path / 'large.pth')
    with pytest.raises(ValueError, match='255 classes, but label maps are of bytes'):
        SegmentationSeedInferencer(cfg, tmp_path / 'large.pth', 'cpu')
    for settings, message in (
        (dict(scale=[1.0]), 'scale is unknown'),
        (dict(flip='no'), "flip='no'"),
    ):
        cfg = Config({**project.cfg, 'seed_cfg': settings})
        with pytest.raises(ValueError, match=rf'seed_cfg\.{message}'):
            SegmentationSeedInferencer(cfg, project.checkpoint, 'cpu')
    cfg = Config(dict(model=MODEL, seed_dataloader=project.cfg.seed_dataloader))
    unscored = SegmentationSeedInferencer(cfg, project.checkpoint, 'cpu')
    with pytest.raises(ValueError, match='no test_dataloader'):
        unscored(project.paths[0])
    assert unscored(project.paths[0], labels=[1])['predictions'][0].labels == [1]


def test_nan_names_the_picture(project):
    inferencer = SegmentationSeedInferencer(project.cfg, project.checkpoint, 'cpu')
    with torch.no_grad():
        inferencer.model.generator.conv.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match=f'{Path(project.paths[0]).name}: .* no usable maps'):
        inferencer(project.paths[0], labels=[0])
    with torch.no_grad():
        inferencer.model.head.classifier.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match=f'{Path(project.paths[0]).name}: the scores hold NaN'):
        inferencer(project.paths[0])


def test_where_no_window_can_be_opened_it_is_said_at_once(project, inferencer, monkeypatch):
    monkeypatch.setattr('matplotlib.get_backend', lambda: 'agg')
    with pytest.raises(ValueError, match="show: matplotlib's backend agg opens no window"):
        inferencer(project.paths, labels=[0], show=True)


def test_flip_is_yes_or_no(project, inferencer):
    for flip in ('no', 0, 1.0):
        with pytest.raises(ValueError, match=f'flip must be True, False or None, got {flip!r}'):
            inferencer(project.paths[0], labels=[0], flip=flip)
