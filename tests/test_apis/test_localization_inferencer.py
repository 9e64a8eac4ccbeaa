"""LocalizationInferencer against a Runner on the same pictures and against plain arithmetic."""

import io
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import cv2
import mmcv
import mmengine
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.evaluator import DumpResults
from mmengine.registry import DefaultScope
from mmengine.runner import Runner, load_checkpoint
from PIL import Image
from rich.console import Console
from seed_project import MODEL
from tiny_run import CLASSES, tiny_run_cfg, write_split_folder

from bas_mm.apis import LocalizationInferencer
from bas_mm.apis.picture_input import PictureInput
from bas_mm.datasets import UnreadableImageError
from bas_mm.datasets.transforms import follow_view
from bas_mm.evaluation.functional import largest_component_box, normalize_map, resize_map
from bas_mm.registry import DATASETS, INFERENCERS, MODELS
from bas_mm.utils.config_datasets import put_ten_crop
from bas_mm.visualization import localization_visualizer
from bas_mm.visualization.functional import PREDICTED_COLOR, add_caption

# Resized to 40 columns and 36 rows, of which the middle 32 x 32 are the view.
PIPELINE = [
    dict(type='LoadLocImage'),
    dict(type='LocResize', scale=(40, 36)),
    dict(type='LocCenterCrop', crop_size=32),
    dict(type='PackLocalizationInputs'),
]
SIZES = [(60, 100), (48, 48), (33, 47), (120, 80), (32, 32), (51, 36)]


def run_cfg(root: Path, work_dir: Path) -> Config:
    cfg = tiny_run_cfg(root, work_dir, epochs=1, topk=1, class_source='pred', threshold=0.55)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.pipeline = PIPELINE
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.experiment_name = f'inference_{work_dir.name}'
    return cfg


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """A trained checkpoint, six test pictures of six sizes, and what a Runner predicts of them."""
    folder = tmp_path_factory.mktemp('inference')
    root = write_split_folder(folder / 'data', dict(train=4, test=6))
    lines = []
    for i, (height, width) in enumerate(SIZES):
        path = root / 'images' / f'test/{i:04d}.png'
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (width, height)))
        lines.append(f'test/{i:04d}.png,{width},{height}')
    (root / 'metadata/test/image_sizes.txt').write_text('\n'.join(lines) + '\n')
    boxes = [f'test/{i:04d}.png,1,1,20,20' for i in range(6)]
    (root / 'metadata/test/localization.txt').write_text('\n'.join(boxes) + '\n')
    cfg = run_cfg(root, folder / 'work')
    Runner.from_cfg(cfg).train()
    checkpoint = str(folder / 'work' / 'epoch_1.pth')
    pictures = sorted((root / 'images/test').iterdir())
    return SimpleNamespace(cfg=cfg, checkpoint=checkpoint, pictures=pictures, folder=folder)


def cfg_with(run, **test_cfg) -> Config:
    cfg = deepcopy(run.cfg)
    cfg.model.test_cfg.update(test_cfg)
    return cfg


def by_runner(run) -> list[dict]:
    """What ``tools/test.py --out`` writes of the six pictures."""
    cfg = deepcopy(run.cfg)
    cfg.update(load_from=run.checkpoint, experiment_name=f'test_{run.folder.name}')
    runner = Runner.from_cfg(cfg)
    out = run.folder / 'predictions.pkl'
    runner.test_evaluator.metrics = [DumpResults(out_file_path=str(out))]
    runner.test()
    return mmengine.load(out)


def by_hand(cfg: Config, checkpoint: str) -> list[dict]:
    """The same by the model's ``test_step`` alone, in batches of two."""
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    model = MODELS.build(cfg.model).eval()
    load_checkpoint(model, checkpoint, map_location='cpu', logger='silent')
    samples = []
    with torch.no_grad():
        for first in range(0, len(dataset), 2):
            batch = default_collate([dataset[first], dataset[first + 1]])
            samples += [sample.to_dict() for sample in model.test_step(batch)]
    return samples


@pytest.fixture(scope='module')
def inferencer(run):
    return LocalizationInferencer(run.cfg, run.checkpoint, 'cpu', show_progress=False)


def compare(predictions, expected) -> None:
    assert len(predictions) == len(expected)
    for found, sample in zip(predictions, expected):
        assert found.image == sample['img_path']
        scores = sample['pred_score'].numpy()
        np.testing.assert_allclose(found.score, scores[found.label], rtol=1e-6)
        order = sorted(range(len(scores)), key=lambda c: -scores[c])[:5]
        assert [label for label, _, _ in found.top5] == order
        np.testing.assert_allclose([s for _, _, s in found.top5], scores[order], rtol=1e-6)
        np.testing.assert_allclose(found.raw_map, sample['pred_map'].numpy(), rtol=1e-6)
        assert list(found.box_in_view) == sample['pred_bboxes'][0].tolist()
        assert found.class_name == CLASSES[found.label]
        assert found.view_size == tuple(sample['img_shape'])


def test_equals_the_runner_whatever_the_batch(run, inferencer):
    expected = by_runner(run)
    assert len({tuple(sample['pred_bboxes'][0].tolist()) for sample in expected}) > 1
    for size in (1, 4, 6):
        found = inferencer(run.pictures, size)
        assert found['visualization'] is None
        assert found['unreadable'] == []
        compare(found['predictions'], expected)
        for prediction, sample in zip(found['predictions'], expected):
            assert prediction.label == sample['pred_label'].item()


def test_labels_ask_for_their_own_map(run, inferencer):
    """With K above 1 too: what is asked for is one class."""
    expected = by_hand(cfg_with(run, class_source='gt'), run.checkpoint)
    labels = [sample['gt_label'].item() for sample in expected]
    compare(inferencer(run.pictures, 3, labels=labels)['predictions'], expected)
    cfg = cfg_with(run, topk=4)
    average = LocalizationInferencer(cfg, run.checkpoint, 'cpu')
    names = [CLASSES[label] for label in labels]
    found = average(run.pictures, 6, labels=names)['predictions']
    compare(found, expected)
    assert [prediction.label for prediction in found] == labels
    compare(average(run.pictures, 6)['predictions'], by_hand(cfg, run.checkpoint))


def test_threads_get_their_own_maps(run):
    """One thread with labels, one without: the network holds each until the other is in it."""
    cfg = cfg_with(run, topk=4)
    inferencer = LocalizationInferencer(cfg, run.checkpoint, 'cpu', show_progress=False)
    calls = [{}, dict(labels=1), dict(labels=2)]
    expected = [inferencer(run.pictures, **keywords)['predictions'] for keywords in calls]
    before = inferencer.model.test_cfg
    met = threading.Barrier(len(calls), timeout=30)
    inferencer.model.backbone.register_forward_pre_hook(lambda *_: met.wait() and None)
    with ThreadPoolExecutor(len(calls)) as threads:
        jobs = [threads.submit(inferencer, run.pictures, **keywords) for keywords in calls]
    for job, wanted in zip(jobs, expected, strict=True):
        for found, own in zip(job.result()['predictions'], wanted, strict=True):
            np.testing.assert_allclose(found.raw_map, own.raw_map, rtol=1e-5)
            assert found.label == own.label
    assert inferencer.model.test_cfg is before


def test_threads_make_inferencers(run):
    scopes = list(DefaultScope._instance_dict)
    with ThreadPoolExecutor(3) as threads:
        jobs = [
            threads.submit(LocalizationInferencer, run.cfg, run.checkpoint, 'cpu') for _ in range(6)
        ]
    assert all(len(job.result().classes) == len(CLASSES) for job in jobs)
    assert list(DefaultScope._instance_dict) == scopes


def test_ten_crop(run):
    inferencer = LocalizationInferencer(run.cfg, run.checkpoint, 'cpu', ten_crop=True)
    cfg = deepcopy(run.cfg)
    put_ten_crop(cfg)
    expected = by_hand(cfg, run.checkpoint)
    one = by_hand(run.cfg, run.checkpoint)
    assert not torch.allclose(expected[0]['pred_score'], one[0]['pred_score'])
    compare(inferencer(run.pictures, 4)['predictions'], expected)


def test_box_map_and_mask_lie_in_the_picture(run, inferencer):
    found = inferencer(run.pictures, 6, return_masks=True)['predictions']
    for prediction, (height, width) in zip(found, SIZES):
        assert prediction.size == (height, width)
        x0, y0, x1, y1 = prediction.box_in_view
        # The crop begins at column 4 and row 2 of the 40 x 36 pixels.
        expected = (
            (x0 + 4) * width / 40,
            (y0 + 2) * height / 36,
            (x1 + 4) * width / 40,
            (y1 + 2) * height / 36,
        )
        np.testing.assert_allclose(prediction.box, expected, rtol=1e-12)
        view = (4 * width / 40, 2 * height / 36, 36 * width / 40, 34 * height / 36)
        np.testing.assert_allclose(prediction.view_box, view, rtol=1e-12)
        assert prediction.map.shape == prediction.mask.shape == (height, width)
        assert prediction.map.dtype == np.float32
        np.testing.assert_array_equal(prediction.mask, prediction.map > np.float32(0.55))
        # Resampled by OpenCV, which rounds places to 1/32 of a pixel.
        view_map = resize_map(normalize_map(prediction.raw_map), (32, 32))
        matrix = np.array([[40 / width, 0, 0], [0, 36 / height, 0]])
        matrix[:, 2] = [20 / width - 0.5 - 4, 18 / height - 0.5 - 2]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(
            view_map, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
        inside = (x > view[0]) & (x < view[2]) & (y > view[1]) & (y < view[3])
        assert not prediction.map[~inside].any()
        np.testing.assert_allclose(prediction.map[inside], warped[inside], atol=0.02)


def test_without_resize_and_crop_nothing_moves(run):
    cfg = deepcopy(run.cfg)
    cfg.test_dataloader.dataset.pipeline = [PIPELINE[0], PIPELINE[-1]]
    inferencer = LocalizationInferencer(cfg, run.checkpoint, 'cpu')
    found = inferencer(run.pictures, 6, threshold=0.4, return_masks=True)['predictions']
    for prediction, size in zip(found, SIZES):
        assert prediction.threshold == 0.4
        assert prediction.box == prediction.box_in_view
        view_map = resize_map(normalize_map(prediction.raw_map), size)
        np.testing.assert_array_equal(prediction.map, view_map)
        mask = prediction.mask.astype(np.float32)
        assert tuple(largest_component_box(mask, 0.5)) == prediction.box


def test_a_box_ends_where_its_picture_ends(run, monkeypatch):
    """Places in the picture are rounded, so that its end may come back behind it."""
    inferencer = LocalizationInferencer(run.cfg, run.checkpoint, 'cpu')
    make_view = inferencer.pipeline.view

    def view(results):
        made = make_view(results)
        height, width = results['img'].shape[:2]
        made['data_samples'].set_metainfo(dict(view_box=(-1e-12, 0, width + 1e-12, height + 1)))
        return made

    monkeypatch.setattr(inferencer.pipeline, 'view', view)
    # The whole view, as nothing is above θ.
    (found,) = inferencer(run.pictures[0], threshold=0.99999)['predictions']
    assert found.found is False
    assert found.box == (0, 0, *found.size[::-1])


@pytest.mark.parametrize('x0', [0.2, 10.6, 31.7])
def test_a_box_narrower_than_a_pixel_is_drawn(run, inferencer, x0):
    picture = np.full((32, 32, 3), 128, np.uint8)
    (found,) = inferencer(picture)['predictions']
    loaded = inferencer.read(0, PictureInput(picture, 0, '0'), None)
    found.box = (x0, 3, x0 + 0.2, 20)
    drawn = inferencer.visualize(loaded, found)[:224]  # without the captions
    assert (drawn == PREDICTED_COLOR).all(axis=2).any()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server(run):
    """The pictures' folder on a port of this machine."""
    handler = partial(QuietHandler, directory=str(run.pictures[0].parent))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{httpd.server_address[1]}'
        httpd.shutdown()


def test_paths_arrays_folders_and_urls_give_the_same(run, inferencer, server):
    expected = inferencer(run.pictures)['predictions']
    arrays = [mmcv.imread(str(path)) for path in run.pictures]
    urls = [f'{server}/{path.name}' for path in run.pictures]
    folder = run.pictures[0].parent
    for inputs in (arrays, folder, str(folder), urls, [*urls[:2], *arrays[2:4], *run.pictures[4:]]):
        found = inferencer(inputs)['predictions']
        assert [p.box for p in found] == [p.box for p in expected]
        for prediction, wanted in zip(found, expected):
            np.testing.assert_array_equal(prediction.map, wanted.map)
    (single,) = inferencer(arrays[3])['predictions']
    assert single.image == 0
    assert single.box == expected[3].box
    with pytest.raises(UnreadableImageError, match='/none.png'):
        inferencer(f'{server}/none.png')


@pytest.mark.parametrize('decoder', ['cv2', 'pillow', 'turbojpeg'])
def test_a_photograph_is_turned_upright(run, tmp_path, decoder, monkeypatch):
    """A path and what mmcv.imread makes of it give the same, in the upright picture's pixels."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    lying = np.random.default_rng(0).integers(0, 255, (40, 70, 3)).astype(np.uint8)
    Image.fromarray(lying).save(tmp_path / 'a.jpg', exif=exif, quality=95)
    monkeypatch.setattr('bas_mm.datasets.transforms.load_loc_image._start_turbojpeg', lambda: None)
    cfg = deepcopy(run.cfg)
    cfg.test_dataloader.dataset.pipeline[0] = dict(type='LoadLocImage', imdecode_backend=decoder)
    inferencer = LocalizationInferencer(cfg, run.checkpoint, 'cpu', show_progress=False)
    array = mmcv.imread(str(tmp_path / 'a.jpg'))
    (found,) = inferencer(tmp_path / 'a.jpg')['predictions']
    (wanted,) = inferencer(array)['predictions']
    assert found.size == array.shape[:2] == (70, 40)
    assert found.box == wanted.box
    np.testing.assert_allclose(found.map, wanted.map, atol=1e-2 if decoder == 'pillow' else 0)


def test_a_cache_of_resized_pictures_in_the_pipeline(run, inferencer, tmp_path):
    cfg = deepcopy(run.cfg)
    load = dict(type='LoadResizedImage', cache_dir=str(tmp_path / 'cache'), scale=(40, 36))
    cfg.test_dataloader.dataset.pipeline = [load, *PIPELINE[2:]]
    found = LocalizationInferencer(cfg, run.checkpoint, 'cpu')(run.pictures)['predictions']
    expected = inferencer(run.pictures)['predictions']
    assert [(p.box, p.size, p.score) for p in found] == [(p.box, p.size, p.score) for p in expected]
    assert not (tmp_path / 'cache').exists()


def test_config_and_classes_from_the_checkpoint(run, tmp_path):
    checkpoint = torch.load(run.checkpoint, weights_only=False)
    meta = checkpoint['meta']
    own = LocalizationInferencer(None, run.checkpoint, 'cpu')
    assert own.classes == CLASSES
    assert own.threshold == 0.55
    expected = LocalizationInferencer(run.cfg, run.checkpoint, 'cpu')(run.pictures)['predictions']
    assert [p.box for p in own(run.pictures)['predictions']] == [p.box for p in expected]

    meta['dataset_meta']['classes'] = ('a', 'b', 'c', 'd')
    torch.save(checkpoint, tmp_path / 'named.pth')
    assert LocalizationInferencer(run.cfg, tmp_path / 'named.pth', 'cpu').classes[3] == 'd'
    given = LocalizationInferencer(run.cfg, tmp_path / 'named.pth', 'cpu', classes=list('wxyz'))
    assert given.classes == tuple('wxyz')
    with pytest.raises(ValueError, match='classes= has the classes in another order than the'):
        LocalizationInferencer(run.cfg, tmp_path / 'named.pth', 'cpu', classes=list('bacd'))
    with pytest.raises(ValueError, match='there are 2 names of classes .* has 4 classes'):
        LocalizationInferencer(run.cfg, run.checkpoint, 'cpu', classes=['a', 'b'])
    other = deepcopy(run.cfg)
    other.model.generator.num_classes = other.model.head.num_classes = 7
    with pytest.raises(ValueError, match='trained with 4 classes .* has 7: give the config'):
        LocalizationInferencer(other, run.checkpoint, 'cpu')

    # Weights alone, as converters write them: the names are those of the config's data set.
    bare = tmp_path / 'bare.pth'
    torch.save(checkpoint['state_dict'], bare)
    assert LocalizationInferencer(run.cfg, bare, 'cpu').classes == CLASSES
    with pytest.raises(ValueError, match='no config is noted in .*bare.pth'):
        LocalizationInferencer(None, bare)
    cfg = deepcopy(run.cfg)
    for loader in ('train_dataloader', 'test_dataloader'):
        cfg[loader].dataset.pop('classes')
    assert LocalizationInferencer(cfg, bare, 'cpu').classes == ('0', '1', '2', '3')


def test_a_name_stands_for_a_config_of_ours(tmp_path):
    cfg = Config.fromfile(Path(__file__).parents[2] / 'configs/bas/bas_small_embedded.py')
    model = MODELS.build(cfg.model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'a.pth')
    inferencer = LocalizationInferencer('bas_small_embedded', tmp_path / 'a.pth', 'cpu')
    picture = np.random.default_rng(0).integers(0, 255, (50, 70, 3)).astype(np.uint8)
    assert len(inferencer.classes) == 8
    assert inferencer(picture)['predictions'][0].map.shape == (50, 70)
    assert 'bas_small_embedded' in LocalizationInferencer.list_models('bas_*_embedded')
    assert LocalizationInferencer.list_models('bas_resnet50_c?b') == ['bas_resnet50_cub']
    built = INFERENCERS.build(
        dict(
            type='LocalizationInferencer',
            config_or_name='bas_small_embedded',
            weights=str(tmp_path / 'a.pth'),
        )
    )
    assert isinstance(built, LocalizationInferencer)


def test_what_cannot_be_used_is_refused(run, tmp_path):
    with pytest.raises(ValueError, match='needs weights'):
        LocalizationInferencer(run.cfg)
    with pytest.raises(FileNotFoundError, match='did you mean bas_resnet50_cub'):
        LocalizationInferencer('bas_resnet50_cups', run.checkpoint)
    for base, said in (
        ('bas_mm::bas/bas_resnet50_cub.py', "bas_mm's configs are inherited by path: .*configs/"),
        ('absent.py', 'FileNotFoundError: .*absent.py'),
    ):
        (tmp_path / 'heir.py').write_text(f'_base_ = {base!r}')
        with pytest.raises(ValueError, match=f'the config .*heir.py cannot be read: .*{said}'):
            LocalizationInferencer(tmp_path / 'heir.py', run.checkpoint)
    with pytest.raises(FileNotFoundError, match='no checkpoint .*none.pth'):
        LocalizationInferencer(run.cfg, tmp_path / 'none.pth')
    (tmp_path / 'text.pth').write_text('no weights')
    with pytest.raises(ValueError, match='text.pth cannot be read'):
        LocalizationInferencer(run.cfg, tmp_path / 'text.pth')
    cfg = deepcopy(run.cfg)
    cfg.model.head.hidden_channels = 8
    with pytest.raises(ValueError, match=r'epoch_1.pth: .* of another shape .*: head.classifier'):
        LocalizationInferencer(cfg, run.checkpoint)
    cfg = deepcopy(run.cfg)
    cfg.model = MODEL
    with pytest.raises(ValueError, match='model BASSegClassifier: .*SegmentationSeedInferencer'):
        LocalizationInferencer(cfg, run.checkpoint)
    cfg = deepcopy(run.cfg)
    cfg.pop('test_dataloader')
    with pytest.raises(ValueError, match='no test_dataloader'):
        LocalizationInferencer(cfg, run.checkpoint)
    cfg = deepcopy(run.cfg)
    cfg.test_dataloader.dataset.pipeline = [PIPELINE[0], PIPELINE[-1]]
    with pytest.raises(ValueError, match='no LocCenterCrop'):
        LocalizationInferencer(cfg, run.checkpoint, ten_crop=True)
    with pytest.raises(ValueError, match='device nowhere'):
        LocalizationInferencer(run.cfg, run.checkpoint, 'nowhere')
    # A detector, of a package that is not here or is.
    for name in ('fcos_small_embedded', 'faster-rcnn_r50_cub'):
        with pytest.raises(ValueError, match='there is no model|mmdet is not installed'):
            LocalizationInferencer(name, run.checkpoint)
    for classes, message in (
        ('abcd', 'classes must be a list of names, got str'),
        ({'a', 'b', 'c', 'd'}, 'classes must be a list of names, got set'),
        (['a', 'b', 'a', 'd'], "classes has 'a' more than once"),
        (['a', 'b'], '2 names of classes'),
    ):
        with pytest.raises(ValueError, match=message):
            LocalizationInferencer(run.cfg, run.checkpoint, classes=classes)


def test_random_numbers_are_what_they_would_be_without_it(run):
    torch.manual_seed(3)
    expected = torch.rand(5)
    torch.manual_seed(3)
    inferencer = LocalizationInferencer(
        run.cfg, run.checkpoint, 'cpu', classes=np.array(['a', 'b', 'c', 'd'])
    )
    assert torch.equal(torch.rand(5), expected)
    assert inferencer.classes == ('a', 'b', 'c', 'd')


def test_a_transform_that_hides_where_the_view_lies_is_refused(run):
    cfg = deepcopy(run.cfg)
    foreign = dict(type='mmcv.Resize', scale=(40, 40))
    cfg.test_dataloader.dataset.pipeline = [PIPELINE[0], foreign, *PIPELINE[2:]]
    inferencer = LocalizationInferencer(cfg, run.checkpoint, 'cpu')
    with pytest.raises(ValueError, match=r'test_dataloader\.dataset\.pipeline: Resize changes'):
        inferencer(run.pictures[0])


def test_a_transform_of_ones_own_that_follows_the_view(run):
    """As docs/add_dataset.md has it: what trains and tests can be asked for single pictures."""

    class Halve:
        def __init__(self, follows):
            self.follows = follows

        def __call__(self, results):
            before = results['img'].shape[:2]
            results['img'] = np.ascontiguousarray(results['img'][::2, ::2])
            results['img_shape'] = results['img'].shape[:2]
            if self.follows:
                follow_view(results, before, results['img_shape'])
            return results

    cfg = deepcopy(run.cfg)
    cfg.test_dataloader.dataset.pipeline = [PIPELINE[0], PIPELINE[-1]]
    own = LocalizationInferencer(cfg, run.checkpoint, 'cpu')
    for follows in (True, False):
        own.pipeline.transforms[:0] = [Halve(follows)]
        if follows:
            (found,) = own(run.pictures[0])['predictions']
            height, width = SIZES[0]
            assert found.view_size == (-(-height // 2), -(-width // 2))
            assert found.view_box == (0, 0, width, height)
            assert found.map.shape == SIZES[0]
        else:
            with pytest.raises(ValueError, match=r'pipeline: Halve changes .*follow_view'):
                own(run.pictures[0])


def test_the_truth_is_not_looked_for_and_no_threshold_is_no_box(run):
    cfg = deepcopy(run.cfg)
    cfg.test_dataloader.dataset.pipeline = [
        *PIPELINE[:2],
        dict(type='LoadLocMask'),
        PIPELINE[-1],
    ]
    cfg.model.test_cfg.threshold = None
    inferencer = LocalizationInferencer(cfg, run.checkpoint, 'cpu')
    (found,) = inferencer(run.pictures[0])['predictions']
    assert found.box is found.box_in_view is found.threshold is found.found is None
    assert found.map.shape == SIZES[0]
    with pytest.raises(ValueError, match='a mask needs a threshold'):
        inferencer(run.pictures[0], return_masks=True)
    (found,) = inferencer(run.pictures[0], threshold=0.5)['predictions']
    assert len(found.box) == 4
    # The only threshold of the test's metric is the model's.
    cfg.test_evaluator = dict(type='LocalizationMetric', thresholds=[0.25])
    assert LocalizationInferencer(cfg, run.checkpoint, 'cpu').threshold == 0.25
    cfg.test_evaluator = dict(type='LocalizationMetric')
    assert LocalizationInferencer(cfg, run.checkpoint, 'cpu').threshold == 0.1


def test_a_map_with_nothing_above_the_threshold_is_no_find(run, inferencer, tmp_path, monkeypatch):
    (found,) = inferencer(run.pictures[0], out_dir=tmp_path)['predictions']
    highest = float(resize_map(normalize_map(found.raw_map), (32, 32)).max())
    assert found.found is True
    assert 'nothing' not in str(found)
    (low,) = inferencer(run.pictures[0], threshold=highest - 1e-4)['predictions']
    assert low.found is True
    lines = []

    def note(image, caption, count):
        lines.append(caption)
        return add_caption(image, caption, count)

    monkeypatch.setattr(localization_visualizer, 'add_caption', note)
    done = inferencer(run.pictures[0], threshold=highest, out_dir=tmp_path, return_vis=True)
    (nothing,) = done['predictions']
    assert nothing.found is False
    # The drawing does not show the whole view as if it was a find.
    assert lines[-1] == [f'nothing is above {highest:g}: the whole view']
    assert not (done['visualization'][0] == PREDICTED_COLOR).all(-1).any()
    assert nothing.box_in_view == (0, 0, 32, 32)
    (written,) = json.loads((tmp_path / 'predictions.json').read_text())['predictions']
    assert written['found'] is False
    assert str(nothing).endswith(f'(nothing is above {highest:g}: the whole view)')


def test_arguments_that_make_no_sense(run, inferencer):
    picture = run.pictures[0]
    for keywords, message in (
        (dict(labels='rad'), "no class 'rad' among the 4 of the model; there is red"),
        (dict(labels=4), 'no class 4, only 0 to 3'),
        (dict(labels=[0, 1]), '2 labels for 1 pictures'),
        (dict(labels=[1.9]), 'a class is an index or a name, got 1.9'),
        (dict(labels=True), 'a class is an index or a name, got True'),
        (dict(labels=1.0), 'a class is an index or a name, got 1.0'),
        (dict(labels={'red'}), 'a set has not'),
        (dict(labels={0: 'red'}), 'labels must be a class or a list of classes, not of type dict'),
        (dict(labels=b'\0'), 'labels must be a class or a list of classes, not of type bytes'),
        (dict(threshold=1.5), r'threshold must be a number in \[0, 1\), got 1.5'),
        (dict(threshold='0.5'), "threshold must be a number .* got '0.5'"),
        (dict(threshold=[0.5]), r'threshold must be a number .* got \[0.5\]'),
        (dict(batch_size=0), 'batch_size must be a whole number of at least 1, got 0'),
        (dict(batch_size=1.5), 'batch_size must be a whole number .* got 1.5'),
        (dict(batch_size='2'), "batch_size must be a whole number .* got '2'"),
        (dict(save_maps=True), 'need out_dir'),
    ):
        with pytest.raises(ValueError, match=message):
            inferencer(picture, **keywords)
    for label in ('2', np.int64(2), torch.tensor(2), torch.tensor([2]), iter([2])):
        assert inferencer(picture, labels=label)['predictions'][0].class_name == 'blue'


@pytest.fixture
def broken(run, tmp_path):
    """A whole picture, a JPEG cut short, another whole one, and a name without a file."""
    pixels = cv2.imread(str(run.pictures[0]))
    done, content = cv2.imencode('.jpg', cv2.resize(pixels, (200, 200)))
    (tmp_path / 'cut.jpg').write_bytes(content.tobytes()[: len(content) // 2])
    return [run.pictures[0], tmp_path / 'cut.jpg', run.pictures[1], tmp_path / 'none.jpg']


def test_broken_pictures_are_named_or_skipped(inferencer, broken, tmp_path):
    with pytest.raises(UnreadableImageError, match='cut.jpg.*skip_unreadable'):
        inferencer(broken)
    out = tmp_path / 'out'
    found = inferencer(broken, 2, labels=[0, 1, 2, 3], skip_unreadable=True, out_dir=out)
    assert [p.image for p in found['predictions']] == [str(broken[0]), str(broken[2])]
    assert [p.label for p in found['predictions']] == [0, 2]
    assert [entry['image'] for entry in found['unreadable']] == [str(broken[1]), str(broken[3])]
    assert all(entry['image'] in entry['error'] for entry in found['unreadable'])
    written = json.loads((out / 'predictions.json').read_text())
    assert written['unreadable'] == found['unreadable']


def test_the_bar_counts_pictures_that_are_skipped(run, broken, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(
        'bas_mm.utils.picture_progress.Console',
        lambda **_: Console(file=shown, force_terminal=True, width=80),
    )
    inferencer = LocalizationInferencer(run.cfg, run.checkpoint, 'cpu')
    found = inferencer(broken, 3, skip_unreadable=True)
    assert len(found['predictions']) == 2
    last = [line for line in shown.getvalue().splitlines() if 'Inference' in line][-1]
    assert '4/4' in last


def test_what_is_no_picture_is_said_without_addresses(run, inferencer, tmp_path):
    whole = run.pictures[0].read_bytes()
    for name, content in (('a.jpg', b'no picture'), ('b.jpg', b'\xff\xd8 nor this')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableImageError, match=name) as info:
            inferencer(tmp_path / name)
        assert '0x' not in str(info.value)
    cfg = deepcopy(run.cfg)
    cfg.test_dataloader.dataset.pipeline[0] = dict(type='LoadLocImage', imdecode_backend='pillow')
    pillow = LocalizationInferencer(cfg, run.checkpoint, 'cpu')
    (tmp_path / 'c.png').write_bytes(b'\x89PNG' + whole[20:])
    with pytest.raises(UnreadableImageError, match='cannot identify image file') as info:
        pillow(tmp_path / 'c.png')
    assert '0x' not in str(info.value)


def test_the_truncated_photograph(inferencer, bad_image):
    with pytest.raises(UnreadableImageError, match='truncated.jpg'):
        inferencer(bad_image)


def test_files(run, inferencer, tmp_path):
    out = tmp_path / 'out'
    found = inferencer(
        run.pictures, 4, out_dir=out, save_maps=True, save_masks=True, return_vis=True
    )
    assert {path.name for path in out.iterdir()} == {'predictions.json', 'vis', 'maps', 'masks'}
    written = json.loads((out / 'predictions.json').read_text())
    assert written['predictions'] == [p.to_dict() for p in found['predictions']]
    for entry, prediction, drawing in zip(
        written['predictions'], found['predictions'], found['visualization']
    ):
        stem = Path(prediction.image).stem
        files = dict(vis=f'vis/{stem}.png', map=f'maps/{stem}.npy', mask=f'masks/{stem}.png')
        assert entry['files'] == files
        assert entry['box'] == list(prediction.box)
        assert (entry['height'], entry['width']) == prediction.size
        assert entry['class'] == CLASSES[entry['label']] == entry['top5'][0]['class']
        np.testing.assert_array_equal(np.load(out / files['map']), prediction.map)
        mask = cv2.imread(str(out / files['mask']), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(mask, (prediction.map > np.float32(0.55)) * 255)
        drawn = cv2.imread(str(out / files['vis']))
        np.testing.assert_array_equal(drawn[..., ::-1], drawing)
        height, width = prediction.size
        factor = -(-224 // height)
        first = drawing[: height * factor : factor, : width * factor : factor]
        np.testing.assert_array_equal(first, cv2.imread(prediction.image)[..., ::-1])
        assert prediction.mask is None

    lean = inferencer(run.pictures, return_maps=False, out_dir=tmp_path / 'lean', no_save_vis=True)
    assert all(p.map is None and p.raw_map is None for p in lean['predictions'])
    assert [path.name for path in (tmp_path / 'lean').iterdir()] == ['predictions.json']
    inferencer(run.pictures[:1], out_dir=tmp_path / 'drawn', no_save_pred=True)
    assert [path.name for path in (tmp_path / 'drawn').iterdir()] == ['vis']


def test_drawings_show_the_box_where_it_is(run):
    """A map that is one in a corner of the view: the box is drawn there, in the picture."""
    inferencer = LocalizationInferencer(run.cfg, run.checkpoint, 'cpu')
    raw_map = torch.zeros(4, 4)
    raw_map[:2, :2] = 1

    def predict(data):
        for sample in data['data_samples']:
            sample.set_pred_score(torch.tensor([0.1, 0.2, 0.3, 0.4]))
            sample.set_field(raw_map, 'pred_map')
        return data['data_samples']

    inferencer.model.test_step = predict
    picture = np.full((1440, 1600, 3), 90, np.uint8)
    found = inferencer(picture, return_vis=True)
    (prediction,) = found['predictions']
    # θ = 0.55 of the bilinear edge, 16 of 32 view pixels, each 40 pixels of the picture large.
    x1, y1 = prediction.box_in_view[2:]
    assert prediction.box == (160, 80, 160 + 40 * x1, 80 + 40 * y1)
    (drawing,) = found['visualization']
    assert drawing.shape[1] == 3 * 640 + 2 * 6  # no wider than needed
    rows, columns = np.nonzero((drawing[:576, -640:] == (255, 0, 255)).all(-1))
    scale = 640 / 1600
    assert (columns.min(), rows.min()) == (160 * scale, 80 * scale)
    assert (columns.max() + 1, rows.max() + 1) == tuple(np.array(prediction.box[2:]) * scale)
    # What a strip was shrunk by is not made good again for its height.
    (strip,) = inferencer(np.full((50, 2000, 3), 90, np.uint8), return_vis=True)['visualization']
    assert strip.shape[1] == drawing.shape[1]


def test_work_is_done_as_pictures_come(run, inferencer, tmp_path):
    """What was done before an error stays, and says that it is not all."""
    inputs, out, told = [*run.pictures, tmp_path / 'none.jpg'], tmp_path / 'out', []
    out.mkdir()
    (out / 'predictions.json').write_text('{"of": "an earlier run"}')
    with pytest.raises(UnreadableImageError, match='none.jpg'):
        inferencer(inputs, out_dir=out, on_prediction=told.append)
    assert len(list((out / 'vis').iterdir())) == len(run.pictures)
    written = json.loads((out / 'predictions.json').read_text())
    assert written['complete'] is False
    assert written['predictions'] == [prediction.to_dict() for prediction in told]
    assert [p.image for p in told] == [str(path) for path in run.pictures]
    inferencer(run.pictures[:1], out_dir=out)
    assert json.loads((out / 'predictions.json').read_text())['complete'] is True


def test_drawing_does_not_hold_the_network_up(run, inferencer, tmp_path, monkeypatch):
    """The first drawing ends only when the network has begun with the next batch."""
    began, forward, draw = threading.Event(), inferencer.forward, inferencer.visualize
    order = []

    def visualize(loaded, prediction):
        assert loaded.position or began.wait(30)
        return draw(loaded, prediction)

    def forward_and_tell(batch, **kwargs):
        if batch[0].position:
            began.set()
        return forward(batch, **kwargs)

    monkeypatch.setattr(inferencer, 'visualize', visualize)
    monkeypatch.setattr(inferencer, 'forward', forward_and_tell)
    found = inferencer(run.pictures, return_vis=True, on_prediction=lambda p: order.append(p.image))
    assert order == [p.image for p in found['predictions']] == list(map(str, run.pictures))
    assert len(found['visualization']) == len(run.pictures)


def test_pictures_are_read_while_the_network_works(run, inferencer, monkeypatch):
    """A batch, and two pictures for the threads that read, wait behind the one it works on."""
    begun, read, forward = [], inferencer.read, inferencer.forward
    inputs, waiting = run.pictures[:1] * 16, []

    def read_and_tell(position, *rest):
        begun.append(position)
        return read(position, *rest)

    def forward_and_look(batch, **kwargs):
        expected = min(batch[-1].position + 5, 16)
        deadline = time.monotonic() + 10
        while len(begun) < expected and time.monotonic() < deadline:
            time.sleep(0.001)
        waiting.append(len(begun) - expected)
        return forward(batch, **kwargs)

    monkeypatch.setattr(inferencer, 'read', read_and_tell)
    monkeypatch.setattr(inferencer, 'forward', forward_and_look)
    assert len(inferencer(inputs, 2)['predictions']) == 16
    assert waiting == [0] * 8


def test_a_folder_that_cannot_be_written_to_is_noticed_first(run, inferencer, tmp_path):
    (tmp_path / 'file').touch()
    for out in (tmp_path / 'file', tmp_path / 'file' / 'out'):
        told = []
        with pytest.raises(OSError, match=f'out_dir: nothing can be written to {out} '):
            inferencer(run.pictures, out_dir=out, on_prediction=told.append)
        assert not told
    # Arguments are checked before an earlier run's predictions go.
    inferencer(run.pictures[:1], out_dir=tmp_path / 'out', no_save_vis=True)
    with pytest.raises(ValueError, match='no class'):
        inferencer(run.pictures, labels=9, out_dir=tmp_path / 'out')
    assert json.loads((tmp_path / 'out' / 'predictions.json').read_text())['complete'] is True


def test_a_window_is_opened(run, inferencer, monkeypatch):
    shown = []
    monkeypatch.setattr('matplotlib.get_backend', lambda: 'TkAgg')
    monkeypatch.setattr(
        type(inferencer.visualizer),
        'show',
        lambda self, drawn, win_name, wait_time: shown.append((drawn.shape, win_name, wait_time)),
    )
    drawn = inferencer(run.pictures[:2], show=True, wait_time=0.5, return_vis=True)
    assert [shape for shape, _, _ in shown] == [d.shape for d in drawn['visualization']]
    assert [entry[1:] for entry in shown] == [('0000', 0.5), ('0001', 0.5)]


def test_where_no_window_can_be_opened_it_is_said_at_once(run, inferencer, monkeypatch, tmp_path):
    monkeypatch.setattr('matplotlib.get_backend', lambda: 'agg')
    told = []
    with pytest.raises(ValueError, match="show: matplotlib's backend agg opens no window"):
        inferencer(run.pictures, show=True, out_dir=tmp_path / 'out', on_prediction=told.append)
    assert not told
    assert not (tmp_path / 'out').exists()


def test_nan_names_the_picture(run):
    inferencer = LocalizationInferencer(run.cfg, run.checkpoint, 'cpu')
    with torch.no_grad():
        inferencer.model.generator.conv.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match='0000.png: the localization map holds NaN'):
        inferencer(run.pictures[0])


def test_numbers_of_a_data_set_item(run, inferencer):
    """The view is that of the data set, bit for bit."""
    dataset = DATASETS.build(run.cfg.test_dataloader.dataset)
    for i, picture in enumerate(run.pictures):
        loaded = next(inferencer.preprocess(inferencer._inputs_to_list(picture)))[0]
        assert torch.equal(loaded.views['inputs'], dataset[i]['inputs'])
