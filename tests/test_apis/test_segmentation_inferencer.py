"""SegmentationInferencer against its network called plainly, for models of ours and of mmseg."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.apis import inference_model, init_model
from mmseg.structures import SegDataSample
from PIL import Image

from bas_mm.apis import SegmentationInferencer
from bas_mm.datasets import UnreadableImageError
from bas_mm.registry import INFERENCERS
from bas_mm.utils.config_model import build_model
from bas_mm.utils.dense_crf import CRFParams, crf_probabilities
from bas_mm.utils.palette import read_palette_png

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
CLASSES = ['background', 'fox', 'ram', 'owl', 'red panda']
SIZES = dict(a=(40, 56), b=(40, 56), c=(61, 33))


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    """Two pictures of one size and one of another, and a checkpoint of the pipeline's segmentor."""
    folder = tmp_path_factory.mktemp('segmentor')
    cfg = Config.fromfile(CONFIGS / 'deeplabv2/deeplabv2_small_embedded.py')
    torch.manual_seed(0)
    model = build_model(cfg).eval()
    # Of a network at random one class would win everywhere.
    torch.nn.init.normal_(model.decode_head.convs[0].weight, std=0.5)
    meta = dict(cfg=cfg.pretty_text, dataset_meta=dict(classes=CLASSES))
    checkpoint = folder / 'iter_1.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=meta), checkpoint)
    rng = np.random.default_rng(0)
    (folder / 'pictures').mkdir()
    pictures = {}
    for name, size in SIZES.items():
        noise = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
        path = folder / f'pictures/{name}.png'
        cv2.imwrite(str(path), cv2.blur(noise, (9, 9)) * 2)
        pictures[str(path)] = cv2.imread(str(path))
    return SimpleNamespace(
        folder=folder, cfg=cfg, model=model, checkpoint=checkpoint, pictures=pictures
    )


@pytest.fixture(scope='module')
def inferencer(project):
    return SegmentationInferencer(None, project.checkpoint, 'cpu')


@torch.no_grad()
def plainly(model, picture: np.ndarray) -> SegDataSample:
    sample = SegDataSample(metainfo=dict(ori_shape=picture.shape[:2], img_shape=picture.shape[:2]))
    inputs = torch.from_numpy(picture.transpose(2, 0, 1).copy())
    return model.test_step(dict(inputs=[inputs], data_samples=[sample]))[0]


def test_label_maps_are_those_of_the_network(project, inferencer):
    """Of pictures of several sizes, as files, a folder, and arrays, one by one and in batches."""
    paths = list(project.pictures)
    found = inferencer(paths)['predictions']
    values = set()
    for prediction, (path, picture) in zip(found, project.pictures.items(), strict=True):
        expected = plainly(project.model, picture).pred_sem_seg.data[0].numpy()
        np.testing.assert_array_equal(prediction.label_map, expected)
        assert prediction.label_map.dtype == np.uint8
        assert prediction.image == path
        assert prediction.size == picture.shape[:2]
        assert prediction.labels == sorted(set(expected.flat))
        assert prediction.class_names == [CLASSES[label] for label in prediction.labels]
        shares = [float((expected == label).mean()) for label in prediction.labels]
        assert prediction.shares == pytest.approx(shares)
        said = f'{path}: {prediction.class_names[0]} {100 * shares[0]:.1f}%'
        assert str(prediction).startswith(said)
        values.update(prediction.labels)
    assert len(values) > 1
    for inputs, batch in (
        (project.folder / 'pictures', 1),
        (list(project.pictures.values()), 1),
        (paths, 3),
    ):
        again = inferencer(inputs, batch)['predictions']
        for prediction, other in zip(found, again, strict=True):
            np.testing.assert_array_equal(prediction.label_map, other.label_map)
    (one,) = inferencer(paths[2], return_maps=False)['predictions']
    assert one.label_map is None
    assert one.labels == found[2].labels


def test_inference_of_mmsegmentation(project, inferencer):
    """Its pipeline reads true masks of data sets, which a picture alone has not."""
    with DefaultScope.overwrite_default_scope('bas_mm'):
        network = init_model(deepcopy(project.cfg), str(project.checkpoint), 'cpu')
        found = [inference_model(network, path) for path in project.pictures]
    for sample, prediction in zip(
        found, inferencer(list(project.pictures))['predictions'], strict=True
    ):
        labels = sample.pred_sem_seg.data[0].numpy()
        np.testing.assert_array_equal(labels, prediction.label_map)


def test_a_grey_picture(project, inferencer, tmp_path):
    picture = next(iter(project.pictures.values()))
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    cv2.imwrite(str(tmp_path / 'grey.png'), grey)
    (found,) = inferencer(tmp_path / 'grey.png')['predictions']
    expected = plainly(project.model, cv2.merge([grey] * 3)).pred_sem_seg.data[0].numpy()
    np.testing.assert_array_equal(found.label_map, expected)


def test_files(project, inferencer, tmp_path):
    out = tmp_path / 'out'
    found = inferencer(project.folder / 'pictures', out_dir=out, return_vis=True)
    written = json.loads((out / 'predictions.json').read_text())
    assert written['complete'] is True
    assert written['predictions'] == [p.to_dict() for p in found['predictions']]
    for prediction, name in zip(found['predictions'], SIZES, strict=True):
        assert prediction.files == dict(vis=f'vis/{name}.png', mask=f'masks/{name}.png')
        mask = read_palette_png(out / 'masks' / f'{name}.png')
        np.testing.assert_array_equal(mask, prediction.label_map)
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob('*.*'))
    assert files == [
        *(f'masks/{name}.png' for name in SIZES),
        'predictions.json',
        *(f'vis/{name}.png' for name in SIZES),
    ]
    drawing, prediction = found['visualization'][0], found['predictions'][0]
    np.testing.assert_array_equal(cv2.imread(str(out / 'vis/a.png'))[..., ::-1], drawing)
    # The picture, enlarged, and beside it the picture in colours where there is no background.
    height, width = prediction.size
    factor = -(-224 // height)
    left, right = (
        drawing[: height * factor : factor, start : start + width * factor : factor].astype(int)
        for start in (0, width * factor + 6)
    )
    np.testing.assert_array_equal(left, next(iter(project.pictures.values()))[..., ::-1])
    changed = (left != right).any(-1)
    assert not changed[prediction.label_map == 0].any()
    assert changed[prediction.label_map > 0].mean() > 0.9


def test_broken_pictures(project, inferencer, tmp_path):
    broken = tmp_path / 'broken.png'
    broken.write_bytes(b'\x89PNG')
    with pytest.raises(UnreadableImageError, match=r'broken\.png.* skip_unreadable'):
        inferencer(broken)
    path = next(iter(project.pictures))
    found = inferencer([broken, path], skip_unreadable=True)
    assert [p.image for p in found['predictions']] == [path]
    assert found['unreadable'][0]['image'] == str(broken)


def test_a_photograph_is_turned_and_refined_as_it_is_seen(project, tmp_path):
    """By the CRF, which would read the lying pixels from the file, and of an array no file."""
    pytest.importorskip('pydensecrf', reason='pydensecrf2, the extra `crf`, is not installed')
    cfg = deepcopy(project.cfg)
    cfg.model.test_cfg.crf = dict(iterations=2)
    inferencer = SegmentationInferencer(cfg, project.checkpoint, 'cpu')
    upright = list(project.pictures.values())[2]
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    lying = np.rot90(upright[..., ::-1])
    Image.fromarray(lying.copy()).save(tmp_path / 'a.png', exif=exif)
    scores = plainly(project.model, upright).seg_logits.data.softmax(0).numpy()
    expected = crf_probabilities(upright, scores, CRFParams(iterations=2)).argmax(0)
    for found in inferencer([tmp_path / 'a.png', upright])['predictions']:
        np.testing.assert_array_equal(found.label_map, expected)


def test_a_model_of_mmsegmentation(project, tmp_path):
    """As its configs are: names without a scope, a pipeline that resizes, classes without names."""
    cfg = Config.fromfile(CONFIGS / 'deeplabv2/fcn_small_embedded.py')
    cfg.default_scope = 'mmseg'
    cfg.model.type = 'EncoderDecoder'
    cfg.data_preprocessor = cfg.model.pop('data_preprocessor')
    cfg.test_dataloader = dict(
        dataset=dict(
            type='BaseSegDataset',
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='Resize', scale=(150, 90), keep_ratio=True),
                dict(type='LoadAnnotations'),
                dict(type='PackSegInputs'),
            ],
        )
    )
    cfg.train_dataloader = None
    cfg.val_dataloader = None
    torch.manual_seed(0)
    model = build_model(cfg).eval()
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    torch.save(model.state_dict(), tmp_path / 'fcn.pth')
    inferencer = SegmentationInferencer(cfg, tmp_path / 'fcn.pth', 'cpu')
    paths, scope = list(project.pictures), _scope()
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(inferencer, [paths] * 3))
    assert _scope() == scope
    for path, *found in zip(paths, *(result['predictions'] for result in results)):
        picture = project.pictures[path]
        factor = min(90 / min(picture.shape[:2]), 150 / max(picture.shape[:2]))
        size = tuple(int(length * factor + 0.5) for length in picture.shape[1::-1])
        sample = SegDataSample(metainfo=dict(ori_shape=picture.shape[:2], img_shape=size[::-1]))
        inputs = torch.from_numpy(cv2.resize(picture, size).transpose(2, 0, 1).copy())
        with torch.no_grad():
            (expected,) = model.test_step(dict(inputs=[inputs], data_samples=[sample]))
        for prediction in found:
            np.testing.assert_array_equal(
                prediction.label_map, expected.pred_sem_seg.data[0].numpy()
            )
            assert prediction.class_names == [str(label) for label in prediction.labels]


def _scope() -> str | None:
    current = DefaultScope.get_current_instance()
    return current and current.scope_name


def test_without_a_test_set(project, inferencer):
    """The pipeline of val, or the one that mmsegmentation's own inference takes."""
    (path, *_) = project.pictures
    (expected,) = inferencer(path)['predictions']
    cfg = deepcopy(project.cfg)
    pipeline, cfg.test_pipeline = cfg.test_pipeline, None
    for key in ('test_dataloader', 'val_dataloader'):
        cfg[key] = None
        if key == 'val_dataloader':
            cfg.test_pipeline = pipeline
        (found,) = SegmentationInferencer(cfg, project.checkpoint, 'cpu')(path)['predictions']
        np.testing.assert_array_equal(found.label_map, expected.label_map)
    cfg.test_pipeline = None
    with pytest.raises(ValueError, match='neither a test_dataloader nor a val_dataloader'):
        SegmentationInferencer(cfg, project.checkpoint, 'cpu')


def test_what_cannot_be_used_is_refused(project, tmp_path):
    cfg = Config.fromfile(CONFIGS / 'wsss/bas_seg_small_embedded.py')
    torch.save(build_model(cfg).state_dict(), tmp_path / 'bas.pth')
    with pytest.raises(ValueError, match='BASSegClassifier: it needs a segmentor.*SeedInferencer'):
        SegmentationInferencer(cfg, tmp_path / 'bas.pth', 'cpu')
    cfg = deepcopy(project.cfg)
    cfg.model.decode_head.num_classes = 256
    torch.save(build_model(cfg).state_dict(), tmp_path / 'large.pth')
    with pytest.raises(ValueError, match='256 classes, but label maps are of bytes'):
        SegmentationInferencer(cfg, tmp_path / 'large.pth', 'cpu', classes=range(256))


def test_nan_names_the_picture(project):
    inferencer = SegmentationInferencer(project.cfg, project.checkpoint, 'cpu')
    torch.nn.init.constant_(inferencer.model.decode_head.convs[0].weight, torch.nan)
    with pytest.raises(ValueError, match=r'a\.png: the scores hold NaN'):
        inferencer(next(iter(project.pictures)))


def test_it_is_registered():
    assert INFERENCERS.get('SegmentationInferencer') is SegmentationInferencer
