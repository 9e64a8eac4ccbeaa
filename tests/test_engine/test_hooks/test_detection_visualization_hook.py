"""DetectionVisualizationHook: a detector's pictures in the view of the localization maps."""

from uuid import uuid4

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData

from bas_mm.engine.hooks import DetectionVisualizationHook
from bas_mm.visualization import LocalizationVisualizer, localization_visualizer
from bas_mm.visualization.functional import PREDICTED_COLOR, TRUE_COLOR, add_caption


@pytest.fixture(autouse=True)
def said(monkeypatch):
    """The lines below each panel."""
    said = []

    def note(image, lines, count):
        said.append(lines)
        return add_caption(image, lines, count)

    monkeypatch.setattr(localization_visualizer, 'add_caption', note)
    visualizer = LocalizationVisualizer.get_instance(f'detection_test_{uuid4()}')
    visualizer.dataset_meta = dict(classes=('otter', 'heron', 'newt'))
    return said


def picture(image_id='a/1.jpg', detections=2):
    """The detector sees 600x450 of an original of 400x300, whose view is 224x224 in its middle."""
    inputs = torch.zeros(3, 450, 600, dtype=torch.uint8)
    inputs[0, :, 300:] = 200  # blue on the right
    meta = dict(
        image_id=image_id,
        scale_factor=(1.5, 1.5),
        localization=dict(
            gt_label=2,
            gt_bboxes=np.array([[15, 25, 99, 89]]),
            img_shape=(224, 224),
            view_box=(88.0, 38.0, 312.0, 262.0),
        ),
    )
    sample = BaseDataElement(metainfo=meta)
    found = InstanceData(
        bboxes=torch.tensor([[0.0, 0, 50, 50], [108.3, 67.9, 190, 120]])[:detections],
        scores=torch.tensor([0.25, 0.75])[:detections],
        labels=torch.tensor([2, 1])[:detections],
    )
    sample.set_field(found, 'pred_instances')
    return inputs, sample


def draw(folder, *pictures, **options):
    hook = DetectionVisualizationHook(enable=True, interval=1, out_dir=str(folder), **options)
    inputs, samples = zip(*pictures)
    hook.before_test_epoch(None)
    hook.after_test_iter(None, 0, dict(inputs=list(inputs)), list(samples))
    return {
        path.relative_to(folder).as_posix(): cv2.imread(str(path))[..., ::-1]
        for path in folder.rglob('*.png')
    }


def corners(panel, color):
    ys, xs = np.nonzero((panel == color).all(-1))
    return [xs.min(), ys.min(), xs.max(), ys.max()]


def test_true_box_and_best_detection_in_the_view(tmp_path, said):
    drawn = draw(tmp_path, picture(), picture('b/1.jpg'))
    # One base name in two folders: two files.
    assert sorted(drawn) == ['a/1.jpg.png', 'b/1.jpg.png']
    drawing = drawn['a/1.jpg.png']
    assert drawing.shape[1] == 2 * 224 + 6
    # The middle of the original is that of the view.
    assert not drawing[:224, :111].any()
    assert (drawing[:224, 113:224] == (0, 0, 200)).all()
    boxes = drawing[:224, 230:]
    assert corners(boxes, TRUE_COLOR) == [15, 25, 99, 89]
    # 108.3 - 88 and so on, rounded; its end is one past the last column and row.
    assert corners(boxes, PREDICTED_COLOR) == [20, 30, 101, 81]
    assert said[0] == ['true: newt', 'score 0.75: heron', 'score 0.25: newt']
    # By the metric's rule: the end of a predicted box counts as well.
    common, predicted, true = 80 * 53, 83 * 53, 85 * 65
    assert said[1] == [
        ('true box', TRUE_COLOR),
        ('predicted box', PREDICTED_COLOR),
        f'IoU {common / (predicted + true - common):.3f}',
    ]


def test_nothing_found_is_said(tmp_path, said):
    (drawing,) = draw(tmp_path, picture(detections=0)).values()
    assert said == [['true: newt'], [('true box', TRUE_COLOR), 'nothing found']]
    assert not (drawing == PREDICTED_COLOR).all(-1).any()


def test_labels_that_are_no_classes_are_not_drawn(tmp_path, said):
    draw(tmp_path, picture(), class_agnostic=True)
    assert said[0] == ['true: newt']
    assert said[1][1] == ('predicted box', PREDICTED_COLOR)


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(ValueError, match='draws no pictures of a training'):
        DetectionVisualizationHook(train_interval=10)
    inputs, sample = picture()
    del sample.localization
    with pytest.raises(ValueError, match='the test pipeline needs KeepLocalizationTruth'):
        draw(tmp_path, (inputs, sample))
