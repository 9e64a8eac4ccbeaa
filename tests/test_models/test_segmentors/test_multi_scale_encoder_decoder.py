import copy

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from bas_mm.registry import MODELS
from bas_mm.utils.dense_crf import CRFParams, crf_probabilities

BACKBONE = dict(
    type='mmseg.ResNet',
    depth=18,
    stem_channels=8,
    base_channels=8,
    strides=(1, 2, 1, 1),
    dilations=(1, 1, 2, 4),
    out_indices=(3,),
    norm_eval=True,
)


def build(randomize=None, align_corners=True, **settings):
    model = MODELS.build(
        dict(
            type='MultiScaleEncoderDecoder',
            backbone=copy.deepcopy(BACKBONE),
            decode_head=dict(
                type='DeepLabV2Head', in_channels=64, num_classes=3, align_corners=align_corners
            ),
            **settings,
        )
    )
    if randomize is not None:
        randomize(model)
    return model.eval()


def scores(model, inputs: torch.Tensor, size) -> torch.Tensor:
    """One pass at a size, plainly."""
    align = model.align_corners
    inputs = F.interpolate(inputs, size, mode='bilinear', align_corners=align)
    return model.decode_head(model.backbone(inputs))


def samples_of(labels: torch.Tensor) -> list[SegDataSample]:
    return [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The mean over the pixels that are not 255, one by one."""
    values = []
    for n, i, j in np.ndindex(*labels.shape):
        if labels[n, i, j] != 255:
            column = logits[n, :, i, j].double()
            values.append((column.exp().sum().log() - column[labels[n, i, j]]).item())
    return sum(values) / len(values)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 3, (2, 65, 49), generator=generator)
    labels[:, 40:, 30:] = 255
    return torch.randn(2, 3, 65, 49, generator=generator), labels


@pytest.mark.parametrize(('style', 'strided'), [('pytorch', 'conv2'), ('caffe', 'conv1')])
def test_resnet101_has_stride_8_and_dilations(style, strided):
    backbone = MODELS.build(dict(BACKBONE, depth=101, style=style))
    assert backbone(torch.zeros(1, 3, 65, 97))[0].shape[2:] == (9, 13)
    block = backbone.layer2[0]
    assert getattr(block, strided).stride == (2, 2)
    for stage, rate in (('layer1', 1), ('layer2', 1), ('layer3', 2), ('layer4', 4)):
        assert {b.conv2.dilation for b in getattr(backbone, stage)} == {(rate, rate)}


def test_losses_of_three_scales_and_their_maximum(randomize, batch):
    inputs, labels = batch
    model = build(randomize)
    with torch.no_grad():
        losses = model.loss(inputs, samples_of(labels))
        maps = [scores(model, inputs, size) for size in ((65, 49), (49, 37), (33, 25))]
    assert [tuple(m.shape[2:]) for m in maps] == [(9, 7), (7, 5), (5, 4)]
    large = [F.interpolate(m, (9, 7), mode='bilinear', align_corners=True) for m in maps]
    maps.append(torch.stack(large).max(0).values)
    names = ['scale_1', 'scale_0.75', 'scale_0.5', 'max']
    assert set(losses) == {f'{name}.loss_ce' for name in names} | {'acc_seg'}
    for name, logits in zip(names, maps):
        height, width = logits.shape[2:]
        rows = [int(i * 64 / (height - 1) + 0.5) for i in range(height)]
        columns = [int(j * 48 / (width - 1) + 0.5) for j in range(width)]
        expected = cross_entropy(logits, labels[:, rows][:, :, columns])
        assert losses[f'{name}.loss_ce'].item() == pytest.approx(expected, rel=1e-5)
    total, _ = model.parse_losses(losses)
    terms = [losses[f'{name}.loss_ce'].item() for name in names]
    assert total.item() == pytest.approx(sum(terms), rel=1e-6)


def test_losses_at_the_labels_size(randomize, batch):
    inputs, labels = batch
    model = build(randomize, False, train_cfg=dict(scales=(1, 0.5), loss_at='labels'))
    with torch.no_grad():
        losses = model.loss(inputs, samples_of(labels))
        logits = scores(model, inputs, (32, 24))
    assert set(losses) == {'scale_1.loss_ce', 'scale_0.5.loss_ce', 'max.loss_ce', 'acc_seg'}
    logits = F.interpolate(logits, (65, 49), mode='bilinear', align_corners=False)
    expected = cross_entropy(logits, labels)
    assert losses['scale_0.5.loss_ce'].item() == pytest.approx(expected, rel=1e-5)


def test_one_scale_has_no_maximum_and_every_weight_learns(batch):
    inputs, labels = batch
    model = build(train_cfg=dict(scales=(1.0,)))
    losses = model.loss(inputs, samples_of(labels))
    assert set(losses) == {'scale_1.loss_ce', 'acc_seg'}
    model.parse_losses(losses)[0].backward()
    assert [n for n, p in model.named_parameters() if p.grad is None] == []


def test_labels_that_are_all_ignored_give_a_loss_of_zero(randomize, batch):
    inputs, labels = batch
    losses = build(randomize).loss(inputs, samples_of(torch.full_like(labels, 255)))
    assert all(value.item() == 0 for name, value in losses.items() if 'loss' in name)


def test_views_are_merged_as_told(randomize, batch):
    inputs, _ = batch
    settings = dict(scales=(0.75, 1.5), flip=True)
    mean = build(randomize, test_cfg=settings)
    maximum = build(randomize, test_cfg=dict(settings, merge='max'))
    views = []
    with torch.no_grad():
        for size in ((49, 37), (97, 73)):
            for mirrored in (False, True):
                view = scores(mean, inputs.flip(3) if mirrored else inputs, size)
                view = F.interpolate(view, (65, 49), mode='bilinear', align_corners=True)
                views.append(view.flip(3) if mirrored else view)
        found = mean.predict(inputs)
        found_max = maximum.predict(inputs)
    expected = sum(view.softmax(1) for view in views) / 4
    for n in range(2):
        probabilities = found[n].seg_logits.data.softmax(0)
        torch.testing.assert_close(probabilities, expected[n], atol=1e-5, rtol=1e-4)
        assert torch.equal(found[n].pred_sem_seg.data, expected[n].argmax(0, keepdim=True))
        torch.testing.assert_close(
            found_max[n].seg_logits.data,
            torch.stack([view[n] for view in views]).amax(0),
            atol=1e-3,
            rtol=1e-3,
        )


def test_mirrored_pictures_have_mirrored_predictions(randomize, batch):
    inputs, _ = batch
    model = build(randomize, test_cfg=dict(scales=(1.0,), flip=True))
    with torch.no_grad():
        plain, mirrored = model.predict(inputs), model.predict(inputs.flip(3))
    torch.testing.assert_close(
        plain[0].seg_logits.data, mirrored[0].seg_logits.data.flip(2), atol=1e-3, rtol=1e-3
    )


def test_predictions_have_the_size_of_the_picture(randomize, batch):
    inputs, _ = batch
    model = build(randomize, test_cfg=dict(scales=(0.5, 1.0)))
    metainfo = dict(ori_shape=(33, 25), img_shape=(61, 40), img_padding_size=(0, 9, 0, 4))
    with torch.no_grad():
        samples = model.predict(inputs, [SegDataSample(metainfo=metainfo) for _ in range(2)])
        whole = model.inference(inputs, [])
    inside = whole[:1, :, :61, :40]
    expected = F.interpolate(inside, (33, 25), mode='bilinear', align_corners=True)[0]
    torch.testing.assert_close(samples[0].seg_logits.data, expected)
    assert samples[1].pred_sem_seg.data.shape == (1, 33, 25)


@torch.no_grad()
def test_cudnn_does_not_search_anew_for_each_picture(batch, monkeypatch):
    model, seen = build(test_cfg=dict(scales=(0.5, 1.0))), []
    model.backbone.register_forward_pre_hook(lambda *_: seen.append(torch.backends.cudnn.benchmark))
    monkeypatch.setattr(torch.backends.cudnn, 'benchmark', True)  # as the configs have it
    model.predict(batch[0])
    assert seen == [False] * 2
    assert torch.backends.cudnn.benchmark is True
    # Crops of one size are worth a search.
    model.loss(batch[0], samples_of(batch[1]))
    assert set(seen[2:]) == {True}


@pytest.fixture
def pictures(tmp_path):
    """Two pictures of 65×49 pixels as files, and their data samples."""
    rng = np.random.default_rng(0)
    samples = []
    for name in ('a', 'b'):
        image = rng.integers(0, 255, (8, 6, 3), dtype=np.uint8).repeat(9, 0).repeat(9, 1)
        cv2.imwrite(str(tmp_path / f'{name}.png'), image[:65, :49])
        samples.append(
            SegDataSample(
                metainfo=dict(
                    img_path=str(tmp_path / f'{name}.png'), ori_shape=(65, 49), img_shape=(65, 49)
                )
            )
        )
    return samples


def test_crf_refines_the_probabilities_of_each_picture(randomize, batch, pictures):
    pytest.importorskip('pydensecrf', reason='pydensecrf2, the extra `crf`, is not installed')
    inputs, _ = batch
    views = dict(scales=(1.0, 0.5), flip=True)
    plain = build(randomize, test_cfg=views)
    refined = build(randomize, test_cfg=dict(views, crf=dict(iterations=5.0, bilateral_srgb=20)))
    params = CRFParams(iterations=5, bilateral_srgb=20)
    with torch.no_grad():
        before = plain.predict(inputs, [sample.clone() for sample in pictures])
        after = refined.predict(inputs, pictures)
    for sample, raw in zip(after, before):
        expected = crf_probabilities(
            cv2.imread(sample.img_path), raw.seg_logits.data.softmax(0).numpy(), params
        )
        np.testing.assert_allclose(sample.seg_logits.data.softmax(0), expected, atol=1e-5)
        assert np.array_equal(sample.pred_sem_seg.data[0], expected.argmax(0))
        assert not torch.equal(sample.pred_sem_seg.data, raw.pred_sem_seg.data)


def test_crf_sees_pixels_as_they_are_stored(randomize, batch, pictures, monkeypatch):
    seen = []

    def keep(image, probabilities, params):
        seen.append(image)
        return probabilities

    module = 'bas_mm.models.segmentors.multi_scale_encoder_decoder'
    monkeypatch.setattr(f'{module}.crf_probabilities', keep)
    exif = Image.Exif()
    exif[0x0112] = 3  # turn it by 180°
    for sample in pictures:
        with Image.open(sample.img_path) as picture:
            picture.save(sample.img_path, exif=exif)
    with torch.no_grad():
        build(randomize, test_cfg=dict(crf=dict())).predict(batch[0], pictures)
    for sample, image in zip(pictures, seen):
        with Image.open(sample.img_path) as picture:
            np.testing.assert_array_equal(image[..., ::-1], np.asarray(picture))


def test_crf_without_its_picture_is_refused(randomize, batch, pictures):
    inputs, _ = batch
    model = build(randomize, test_cfg=dict(crf=dict()))
    with torch.no_grad():
        with pytest.raises(ValueError, match='img_path'):
            model.predict(inputs)
        with pytest.raises(ValueError, match='a.png is 49×65 pixels, its prediction 40×65'):
            model.predict(inputs[..., :40], [s.clone() for s in _narrow(pictures)])


def _narrow(samples):
    for sample in samples:
        sample.set_metainfo(dict(ori_shape=(65, 40), img_shape=(65, 40)))
    return samples


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(train_cfg=dict(scales=())), r'model\.train_cfg\.scales=\(\)'),
        (dict(train_cfg=dict(loss_at='both')), "loss_at='both': give 'logits' or 'labels'"),
        (dict(train_cfg=dict(scale=1)), 'model.train_cfg takes scales, loss_at'),
        (dict(train_cfg=dict(scales=1.0)), r'model\.train_cfg\.scales=1\.0: a list of'),
        # Losses go by their scale: of two one would be lost.
        (
            dict(train_cfg=dict(scales=(1, 0.5, 0.5))),
            r'train_cfg\.scales=\(1, 0\.5, 0\.5\): a list',
        ),
        (dict(test_cfg=dict(scales=(float('nan'),))), r'model\.test_cfg\.scales=\(nan,\): a list'),
        (dict(test_cfg=dict(flip='False')), "test_cfg.flip='False': True or False is needed"),
        (dict(test_cfg=dict(scales=(1, 0))), r'model\.test_cfg\.scales=\(1, 0\)'),
        (dict(test_cfg=dict(merge='sum')), "merge='sum'"),
        (dict(test_cfg=dict(mode='slide')), "mode='slide'"),
        (dict(test_cfg=dict(crf=dict(sxy=3))), r'model\.test_cfg\.crf\.sxy is unknown'),
        (dict(test_cfg=dict(crf=dict(iterations=2.5))), 'crf.iterations=2.5: a whole number'),
        (dict(test_cfg=dict(crf=dict(gaussian_sxy='1'))), "crf.gaussian_sxy='1': a number is"),
        (dict(test_cfg=dict(crf=dict(bilateral_sxy=0))), 'bilateral_sxy=0'),
        (dict(auxiliary_head=dict(type='mmseg.FCNHead')), 'auxiliary_head'),
    ],
)
def test_impossible_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)
