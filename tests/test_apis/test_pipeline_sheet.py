"""The sheet of pictures, drawn by small networks of this package and of mmsegmentation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.apis import inference_model, init_model
from seed_samples import some_seeds, write_mask

from bas_mm.apis import pipeline_sheet
from bas_mm.apis.pipeline_sheet import draw_sheet, sheet_row, stack_rows
from bas_mm.datasets import UnreadableImageError
from bas_mm.models.functional import seeds_to_labels
from bas_mm.utils.result_files import write_json
from bas_mm.wsss.index_masks import read_index_mask
from bas_mm.wsss.seed_file import SeedFile

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SIZE = (42, 60)
BAS = """
default_scope = 'bas_mm'
seed_dataloader = dict(dataset=dict(
    type='MultiLabelList', ann_file='list.txt', data_root={root!r},
    classes=('red', 'green', 'blue'),
    data_prefix=dict(img_path='pictures', seg_map_path={masks!r}), pipeline=[], test_mode=True))
irn_label_cfg = dict(foreground={score})
"""
OURS = f"""
_base_ = {str(CONFIGS / 'deeplabv2/deeplabv2_small_embedded.py')!r}
model = dict(decode_head=dict(num_classes=4))
"""
# As mmsegmentation's configs are: names without a scope, and a pipeline that resizes.
STOCK = """
default_scope = 'mmseg'
data_preprocessor = dict(
    type='SegDataPreProcessor', mean=[120.0] * 3, std=[60.0] * 3, bgr_to_rgb=True, size=(32, 32))
model = dict(
    type='EncoderDecoder',
    backbone=dict(
        type='ResNetV1c', depth=18, stem_channels=8, base_channels=8, num_stages=2,
        strides=(1, 2), dilations=(1, 1), out_indices=(1,), norm_cfg=dict(type='BN')),
    decode_head=dict(
        type='FCNHead', in_channels=16, in_index=0, channels=8, num_convs=1, num_classes=4,
        concat_input=False, norm_cfg=dict(type='BN'), align_corners=False,
        loss_decode=dict(type='CrossEntropyLoss')),
    train_cfg=dict(), test_cfg=dict(mode='whole'))
test_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='Resize', scale=(150, 90), keep_ratio=True),
    dict(type='LoadAnnotations'), dict(type='PackSegInputs')]
test_dataloader = dict(dataset=dict(type='RepeatDataset', times=1, dataset=dict(
    type='BaseSegDataset', pipeline=test_pipeline)))
"""


class Sheet:
    """A work folder with what the sheet shows of two pictures; the first has one class."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder, folder / 'work'
        rng = np.random.default_rng(0)
        (folder / 'pictures').mkdir()
        for name in ('one', 'two'):
            picture = rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / f'pictures/{name}.png'), cv2.blur(picture, (9, 9)) * 2)
            for place in ('work/masks', 'masks'):
                write_mask(folder / place / f'{name}.png', rng.integers(0, 4, SIZE))
        (folder / 'list.txt').write_text('one red\ntwo red blue\n')
        self.seeds = some_seeds(size=SIZE)
        self.seeds.save(SeedFile.path(self.work / 'fused_seeds', 'two'))

    def draw(self, segmentor: str, masks: str | None = 'masks', score: float = 0.3):
        """Draw it, with a network of random weights."""
        bas, config = self.folder / 'bas.py', self.folder / 'segmentor.py'
        bas.write_text(BAS.format(root=str(self.folder), masks=masks, score=score))
        config.write_text(segmentor)
        checkpoint = self.folder / 'segmentor.pth'
        if not checkpoint.exists():
            torch.manual_seed(0)
            meta = dict(dataset_meta=dict(classes='0123', palette=[[0] * 3] * 4))
            torch.save(dict(meta=meta, state_dict=self.network().state_dict()), checkpoint)
        return draw_sheet(bas, config, checkpoint, self.work, 1)

    def network(self, checkpoint: str | None = None, change: dict | None = None):
        """mmsegmentation's own way to a network."""
        cfg = Config.fromfile(self.folder / 'segmentor.py')
        cfg.model.setdefault('data_preprocessor', cfg.get('data_preprocessor'))
        cfg.merge_from_dict(change or {})
        with DefaultScope.overwrite_default_scope('bas_mm'):
            return init_model(cfg, checkpoint, device='cpu')


@pytest.fixture
def sheet(tmp_path) -> Sheet:
    return Sheet(tmp_path)


@pytest.fixture
def rows(monkeypatch) -> list:
    """The label maps of each row."""
    seen, draw = [], pipeline_sheet.sheet_row

    def sheet_row(picture, labels):
        seen.append(labels)
        return draw(picture, labels)

    monkeypatch.setattr(pipeline_sheet, 'sheet_row', sheet_row)
    return seen


@pytest.mark.parametrize('segmentor', [OURS, STOCK], ids=['bas_mm', 'mmseg'])
def test_what_is_drawn(sheet, rows, segmentor):
    """Pictures of several classes, and the labels of seed, mask, network and truth."""
    write_json(sheet.work / 'figures/fused_seeds.json', dict(best=dict(threshold=0.4)))
    path = sheet.draw(segmentor)
    assert path == sheet.work / 'sheet.png'
    assert cv2.imread(str(path)).std() > 10
    ((seed, mask, predicted, true),) = rows
    assert np.array_equal(seed, _labels(sheet.seeds, 0.4))
    for found, folder in ((mask, 'work/masks'), (true, 'masks')):
        assert np.array_equal(found, read_index_mask(sheet.folder / folder / 'two.png'))
    assert predicted.shape == SIZE
    assert len(np.unique(predicted)) > 1


def test_a_segmentor_without_a_test_set(sheet, rows):
    """By the pipeline that its config has for it all the same, with the same result."""
    sheet.draw(OURS)
    sheet.draw(OURS + 'val_dataloader = test_dataloader = None\n')
    assert np.array_equal(rows[0][2], rows[1][2])
    assert len(np.unique(rows[0][2])) > 1
    with pytest.raises(ValueError, match='neither a test_dataloader nor a val_dataloader'):
        sheet.draw(OURS + 'val_dataloader = test_dataloader = test_pipeline = None\n')


def _labels(seeds: SeedFile, score: float) -> np.ndarray:
    maps, classes = torch.tensor(seeds.high_res), torch.tensor(seeds.classes)
    return seeds_to_labels(maps, classes, score).numpy()


def test_predicts_through_the_test_pipeline(sheet, rows):
    """As mmsegmentation's inference does, which resizes, too."""
    sheet.draw(STOCK)
    predicted = rows[0][2]

    def expected(scale: tuple[int, int]) -> np.ndarray:
        network = sheet.network(
            str(sheet.folder / 'segmentor.pth'), {'test_pipeline.1.scale': scale}
        )
        picture = str(sheet.folder / 'pictures/two.png')
        with DefaultScope.overwrite_default_scope('mmseg'):
            found = inference_model(network, picture)
        return found.pred_sem_seg.data[0].numpy()

    assert np.array_equal(predicted, expected((150, 90)))
    assert not np.array_equal(predicted, expected((60, 42)))


def test_pictures_without_true_masks(sheet, rows):
    """No evaluation has found a background score: that of IRNet's sure classes."""
    sheet.draw(OURS, masks=None, score=0.55)
    assert rows[0][3] is None
    assert np.array_equal(rows[0][0], _labels(sheet.seeds, 0.55))
    assert not np.array_equal(rows[0][0], _labels(sheet.seeds, 0.3))


def test_what_cannot_be_read_is_named(sheet):
    picture = sheet.folder / 'pictures/two.png'
    content = picture.read_bytes()
    picture.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnreadableImageError, match=r'two\.png'):
        sheet.draw(STOCK)
    picture.write_bytes(content)
    figures = sheet.work / 'figures/fused_seeds.json'
    write_json(figures, {})
    with pytest.raises(ValueError, match=r'fused_seeds\.json has no best background score'):
        sheet.draw(STOCK)
    figures.unlink()
    SeedFile.path(sheet.work / 'fused_seeds', 'two').unlink()
    with pytest.raises(ValueError, match=r'two\.npz'):
        sheet.draw(STOCK)


def test_sheet_shows_labels_over_the_picture():
    picture = np.full((40, 60, 3), 200, np.uint8)
    label = np.zeros((40, 60), np.uint8)
    label[10:20, 10:30] = 2
    rows = [sheet_row(picture, [label, None, label, label]) for _ in range(2)]
    first = rows[0]
    # Green is the second colour of VOC's palette.
    green = (first[..., 1] > first[..., 0].astype(int) + 30).any(axis=0)
    starts = np.flatnonzero(np.diff(green.astype(int)) == 1)
    assert len(starts) == 3
    assert stack_rows(rows).shape[0] >= 2 * first.shape[0]
