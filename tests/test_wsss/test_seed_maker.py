"""Seeds of a picture against one network pass per view and arithmetic in float64."""

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from seed_project import SCALES, network, scenes

from bas_mm.wsss.multi_scale_views import MultiScaleViews, scale_views
from bas_mm.wsss.seed_maker import SeedMaker, SeedParams


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    return scenes(tmp_path_factory.mktemp('scenes'))


def _direct(model, path: str, label: int, flip: bool) -> tuple[np.ndarray, np.ndarray]:
    """Seeds of one class, view by view, from the file on."""
    picture = Image.open(path).convert('RGB')
    sums = None
    mean, std = np.array([120.0, 110, 100]), 60.0
    width, height = picture.size
    sizes = (-(-width // 4), -(-height // 4)), (-(-width // 16) * 16, -(-height // 16) * 16)
    for scale in SCALES:
        view = picture.resize((round(width * scale), round(height * scale)), Image.BICUBIC)
        total = 0
        for mirror in (False, True) if flip else (False,):
            pixels = np.asarray(view)[:, ::-1] if mirror else np.asarray(view)
            pixels = ((pixels - mean) / std).astype(np.float32).transpose(2, 0, 1)
            with torch.no_grad():
                maps = model.localization_maps(torch.from_numpy(pixels.copy())[None])
            m = maps[0, label].double().numpy()
            total = total + (m[:, ::-1] if mirror else m)
        # cv2's bilinear resize is the one without aligned corners, here in float64.
        parts = [cv2.resize(np.ascontiguousarray(total), size) for size in sizes]
        sums = parts if sums is None else [a + b for a, b in zip(sums, parts)]
    strided, high_res = sums[0], sums[1][:height, :width]
    return strided / (strided.max() + 1e-5), high_res / (high_res.max() + 1e-5)


@pytest.mark.parametrize('flip', [True, False])
def test_seeds_of_a_picture(dataset, flip):
    model = network().eval()
    # Several classes, and a size that is no multiple of 16.
    index = next(i for i in range(len(dataset)) if len(dataset.get_data_info(i)['gt_label']) > 1)
    info = dataset.get_data_info(index)
    picture = MultiScaleViews(dataset, SCALES, [index])[0]
    assert picture.image_id == info['image_id']
    maker = SeedMaker(model.train(), flip)
    seeds = maker.finish(maker.start(*picture[1:]), *picture[2:])
    seeds.check()
    assert not model.training
    assert seeds.classes.tolist() == info['gt_label']
    assert {length % 16 for length in picture.size} != {0}
    for row, label in enumerate(info['gt_label']):
        strided, high_res = _direct(model, info['img_path'], label, flip)
        # JPEG decoders differ by a grey level or so: the network's answer, by less than this.
        np.testing.assert_allclose(seeds.strided[row], strided, rtol=0, atol=2e-3)
        np.testing.assert_allclose(seeds.high_res[row], high_res, rtol=0, atol=2e-3)
        assert np.ptp(high_res) > 0.1  # maps with something in them


def test_views_are_those_of_pillow(dataset):
    info = dataset.get_data_info(0)
    bgr = cv2.imread(info['img_path'])
    picture = torch.from_numpy(bgr.transpose(2, 0, 1).copy())
    for scale, view in zip((1.0, 0.5, 2.0), scale_views(picture, (1.0, 0.5, 2.0))):
        height, width = round(bgr.shape[0] * scale), round(bgr.shape[1] * scale)
        wanted = Image.fromarray(bgr[..., ::-1]).resize((width, height), Image.BICUBIC)
        np.testing.assert_array_equal(view.permute(1, 2, 0), np.asarray(wanted)[..., ::-1])
        assert view.dtype == torch.uint8
    # Halves to even, and at least a pixel.
    sizes = [tuple(view.shape[1:]) for view in scale_views(picture[:, :1, :3], (1.5, 0.1))]
    assert sizes == [(2, 4), (1, 1)]


def test_pictures_that_cannot_become_seeds(dataset):
    class Odd(torch.utils.data.Dataset):
        def get_data_info(self, index):
            return dict(image_id='odd_one')

        def __getitem__(self, index):
            return {**dataset[0], **self.changes}

    odd = Odd()
    odd.changes = dict(inputs=torch.rand(3, 8, 8))
    with pytest.raises(ValueError, match=r'odd_one: .*float32 \(3, 8, 8\)'):
        MultiScaleViews(odd, SCALES, [0])[0]
    odd.changes = dict(data_samples=dataset[0]['data_samples'].clone())
    odd.changes['data_samples'].gt_label = torch.zeros(0, dtype=torch.int64)
    with pytest.raises(ValueError, match='odd_one has no label.*give seed_dataloader a list'):
        MultiScaleViews(odd, SCALES, [0])[0]
    # Seeds are in the order of classes, whatever the order of labels.
    odd.changes['data_samples'].gt_label = torch.tensor([3, 0, 2])
    assert MultiScaleViews(odd, SCALES, [0])[0].classes.tolist() == [0, 2, 3]


def test_models_and_settings_that_make_no_seeds():
    with pytest.raises(TypeError, match='Linear has no localization_maps'):
        SeedMaker(torch.nn.Linear(2, 2))
    model = network()
    model.data_preprocessor.pad_size_divisor = 32
    with pytest.raises(ValueError, match='pad_size_divisor=1'):
        SeedMaker(model).start(
            [torch.zeros(3, 40, 50, dtype=torch.uint8)], torch.tensor([1]), (40, 50)
        )
    for bad in ([], [0.0], [1.0, -1], [1.0, 1], [float('nan')], [float('inf')], 1.0, '1', [None]):
        with pytest.raises(ValueError, match='seed_cfg.scales'):
            SeedParams(scales=bad)
