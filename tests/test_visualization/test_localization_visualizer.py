"""LocalizationVisualizer."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import VISUALIZERS, init_default_scope
from mmpretrain.structures import DataSample

from bas_mm.evaluation.functional import box_iou
from bas_mm.visualization import LocalizationVisualizer, localization_visualizer
from bas_mm.visualization.functional import (
    PREDICTED_COLOR,
    TRUE_COLOR,
    add_caption,
    overlay_map,
)


def make_sample():
    sample = DataSample(metainfo={'image_id': 'a'}).set_gt_label(0)
    sample.set_pred_score(torch.tensor([0.2, 0.8]))
    pred_map = torch.zeros(28, 28)
    pred_map[7:14, 7:21] = 1
    sample.set_field(pred_map, 'pred_map')
    sample.set_field(torch.tensor([[56, 56, 167, 111], [0, 0, 20, 20]]), 'gt_bboxes')
    return sample


def colored(image, color):
    return np.argwhere((image == np.array(color)).all(axis=2))


VIEW = np.random.RandomState(0).randint(60, 160, (224, 224, 3), dtype=np.uint8)


def test_three_panels():
    row = LocalizationVisualizer().add_datasample('a', VIEW, make_sample(), threshold=0.5)
    assert row.shape[1] == 3 * 224 + 2 * 6
    np.testing.assert_array_equal(row[:224, :224], VIEW)
    overlay = overlay_map(VIEW, make_sample().pred_map.numpy(), 0.5)
    np.testing.assert_array_equal(row[:224, 230:454], overlay)
    boxes = row[:224, 460:]
    ys, xs = colored(boxes, PREDICTED_COLOR).T
    assert abs(np.array([xs.min(), ys.min(), xs.max(), ys.max()]) - [56, 56, 167, 111]).max() <= 5
    assert len(colored(boxes, TRUE_COLOR))
    assert not len(colored(row[:224, :454], TRUE_COLOR))


def test_box_of_the_model_is_taken_before_a_threshold():
    sample = make_sample()
    sample.set_field(torch.tensor([[100, 120, 140, 150]]), 'pred_bboxes')
    row = LocalizationVisualizer().add_datasample('a', VIEW, sample, threshold=0.5)
    ys, xs = colored(row[:224, 460:], PREDICTED_COLOR).T
    assert [xs.min(), ys.min(), xs.max(), ys.max()] == [100, 120, 139, 149]


def test_box_at_a_threshold_in_a_picture_that_is_enlarged():
    row = LocalizationVisualizer().add_datasample('a', VIEW[:56, :56], make_sample(), threshold=0.5)
    ys, xs = colored(row[:224, 460:], PREDICTED_COLOR).T
    assert abs(np.array([xs.min(), ys.min(), xs.max(), ys.max()]) - [56, 56, 167, 111]).max() <= 8


@pytest.mark.parametrize(
    ('options', 'panels'),
    [({}, 3), ({'draw_pred': False}, 2), ({'draw_gt': False, 'draw_pred': False}, 1)],
)
def test_what_is_left_out(options, panels):
    row = LocalizationVisualizer().add_datasample('a', VIEW, make_sample(), **options)
    assert row.shape[1] == panels * 224 + (panels - 1) * 6


def test_without_a_data_sample_it_is_the_picture():
    row = LocalizationVisualizer().add_datasample('a', VIEW)
    np.testing.assert_array_equal(row[:224], VIEW)


def test_class_names_and_scores_change_the_caption():
    visualizer = LocalizationVisualizer()
    numbered = visualizer.add_datasample('a', VIEW, make_sample())
    visualizer.dataset_meta = {'classes': ('otter', 'heron')}
    named = visualizer.add_datasample('a', VIEW, make_sample())
    assert (numbered[224:] != named[224:]).any()
    np.testing.assert_array_equal(numbered[:224], named[:224])


def test_weight_of_the_map():
    visualizer = LocalizationVisualizer(alpha=0.25)
    row = visualizer.add_datasample('a', VIEW, make_sample())
    overlay = overlay_map(VIEW, make_sample().pred_map.numpy(), 0.25)
    np.testing.assert_array_equal(row[:224, 230:454], overlay)


@pytest.fixture
def said(monkeypatch):
    """The lines below each panel; all have room for three."""
    said = []

    def note(image, lines, count):
        assert count == 3
        said.append(lines)
        return add_caption(image, lines, count)

    monkeypatch.setattr(localization_visualizer, 'add_caption', note)
    return said


def test_captions_have_the_first_class_the_true_one_and_the_best_iou(said):
    sample = make_sample()
    sample.set_field(torch.tensor([[0, 0, 21, 21]]), 'pred_bboxes')
    LocalizationVisualizer().add_datasample('a', VIEW, sample)
    assert said[:2] == [['true: class 0'], ['score 0.80: class 1', 'score 0.20: class 0']]
    iou = box_iou(sample.pred_bboxes, sample.gt_bboxes).max()
    boxes = [('true box', TRUE_COLOR), ('predicted box', PREDICTED_COLOR)]
    assert said[2:] == [[*boxes, f'IoU {iou:.3f}']]
    assert iou > 0.9


def test_captions_of_several_labels_and_of_a_map_alone(said):
    sample = make_sample().set_gt_label([0, 1])
    LocalizationVisualizer().add_datasample('a', VIEW, sample, threshold=0.5)
    assert said[0] == ['true: class 0', 'true: class 1']
    # The first class is a true one: it has one line.
    assert said[1] == ['score 0.80: class 1', 'score 0.20: class 0']
    said.clear()
    alone = DataSample()
    alone.set_field(sample.pred_map, 'pred_map')
    LocalizationVisualizer().add_datasample('a', VIEW, alone)
    assert said == [['a'], ['localization map']]


def test_captions_without_what_is_true_and_without_a_box(said):
    sample, predicted = make_sample(), ('predicted box', PREDICTED_COLOR)
    LocalizationVisualizer().add_datasample('a', VIEW, sample, draw_gt=False, threshold=0.5)
    assert said == [['a'], ['score 0.80: class 1'], [predicted]]
    said.clear()
    sample.set_field(torch.zeros(0, 4), 'pred_bboxes')
    LocalizationVisualizer().add_datasample('a', VIEW, sample, threshold=0.5)
    assert said[2] == [('true box', TRUE_COLOR), 'nothing is above 0.5: the whole view']
    LocalizationVisualizer().add_datasample('a', VIEW, sample)
    assert said[5] == [('true box', TRUE_COLOR), 'nothing found']


def test_scores_stand_below_the_picture_where_there_is_no_map(said):
    sample = make_sample()
    del sample.pred_map
    LocalizationVisualizer().add_datasample('a', VIEW, sample)
    assert said[0] == ['true: class 0', 'score 0.80: class 1', 'score 0.20: class 0']
    LocalizationVisualizer().add_datasample('a', VIEW, sample, draw_gt=False)
    assert said[2] == ['a', 'score 0.80: class 1']


def test_file_is_the_drawing(tmp_path):
    path = tmp_path / 'deep' / 'a.png'
    row = LocalizationVisualizer().add_datasample('a', VIEW, make_sample(), out_file=str(path))
    np.testing.assert_array_equal(cv2.imread(str(path))[..., ::-1], row)
    assert [p.name for p in path.parent.iterdir()] == ['a.png']


def test_a_file_that_its_format_cannot_hold(tmp_path):
    """JPEG ends at 65,535 columns."""
    path = tmp_path / 'a.jpg'
    with pytest.raises(OSError, match=rf'cannot encode {path}'):
        LocalizationVisualizer(min_height=1).add_datasample(
            'a', np.zeros((1, 65536, 3), np.uint8), out_file=str(path)
        )
    assert not path.exists()


def test_window(monkeypatch):
    shown = []
    monkeypatch.setattr(
        LocalizationVisualizer, 'show', lambda self, *args, **kwargs: shown.append((args, kwargs))
    )
    visualizer = LocalizationVisualizer()
    visualizer.add_datasample('a', VIEW, wait_time=2)
    assert not shown
    row = visualizer.add_datasample('a', VIEW, show=True, wait_time=2)
    ((drawing,), settings), *others = shown
    assert not others
    np.testing.assert_array_equal(drawing, row)
    assert settings == dict(win_name='a', wait_time=2)


def test_backends_get_the_drawing(tmp_path, monkeypatch):
    visualizer = LocalizationVisualizer(
        vis_backends=[{'type': 'LocalVisBackend'}], save_dir=str(tmp_path)
    )
    visualizer.add_datasample('a', VIEW, make_sample(), step=3)
    (file,) = tmp_path.rglob('a_3.png')
    assert cv2.imread(str(file)).shape[1] == 684 - 6 - 224 + 230
    # Those of the main process alone.
    monkeypatch.setattr('mmengine.dist.utils.is_main_process', lambda group=None: False)
    visualizer.add_datasample('b', VIEW, make_sample())
    assert not list(tmp_path.rglob('b_*.png'))


def test_backends_of_any_kind_get_names_with_slashes(tmp_path):
    visualizer = LocalizationVisualizer(
        vis_backends=[{'type': 'LocalVisBackend'}], save_dir=str(tmp_path)
    )
    handed = []
    # Not all backends have folders.
    visualizer._vis_backends['other'] = SimpleNamespace(add_image=lambda *args: handed.append(args))
    row = visualizer.add_datasample('val/deep/a', VIEW, step=3)
    (file,) = tmp_path.rglob('val/deep/a_3.png')
    np.testing.assert_array_equal(cv2.imread(str(file))[..., ::-1], row)
    ((name, drawing, step),) = handed
    assert (name, step) == ('val/deep/a', 3)
    np.testing.assert_array_equal(drawing, row)
    # A file of one's own is in the backends' place.
    visualizer.add_datasample('b', VIEW, out_file=str(tmp_path / 'b.png'))
    assert len(handed) == 1


def test_bad_input_names_the_picture():
    visualizer = LocalizationVisualizer()
    for picture in (VIEW.astype(np.float32), VIEW[..., :1], VIEW[..., 0]):
        with pytest.raises(ValueError, match='otter: the picture'):
            visualizer.add_datasample('otter', picture)
    sample = make_sample()
    sample.set_field(torch.full((28, 28), float('nan')), 'pred_map')
    with pytest.raises(ValueError, match=r'otter: .*NaN'):
        visualizer.add_datasample('otter', VIEW, sample)


def test_registered():
    init_default_scope('bas_mm')
    visualizer = VISUALIZERS.build(
        {'type': 'LocalizationVisualizer', 'name': 'registered', 'min_height': 300}
    )
    assert isinstance(visualizer, LocalizationVisualizer)
    assert visualizer.add_datasample('a', VIEW).shape[1] == 448
