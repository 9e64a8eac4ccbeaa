from dataclasses import dataclass

import torch
from mmpretrain.structures import DataSample

from bas_mm.evaluation.functional import protocol_a_boxes
from bas_mm.models.functional import at_least_float32, top_classes, z
from bas_mm.utils.arguments import in_range, whole_number
from bas_mm.utils.config_params import settings_of

from .class_map_classifier import ClassMapClassifier, require_labels


@dataclass
class LocalizationTestCfg:
    """How a localization map is made in testing; the keys of ``model.test_cfg``.

    Attributes:
        topk (int): K, the map is the mean over the K classes with the highest score_1;
            -1 stands for all classes.
        class_source (str): with K = 1, the class whose map is taken: 'gt', the labelled one
            where there is a label (what GT-Known asks for), or 'pred', the highest scored.
        threshold (float, optional): θ of the boxes that ``predict`` adds (Protocol A); without
            it no box is made, and the metric makes its own.
    """

    topk: int = 1
    class_source: str = 'gt'
    threshold: float | None = None


class LocalizationClassifier(ClassMapClassifier):
    """A :class:`ClassMapClassifier` of images with one label: how maps become predictions.

    Args:
        test_cfg (dict, optional): keys of :class:`LocalizationTestCfg`.
        **kwargs: see :class:`ClassMapClassifier`.

    Raises:
        ValueError: an impossible split or test_cfg; the message names the key.
    """

    # The centre crop among ten: four corners, then the centre, then their mirror images.
    CENTRE_CROP = 4

    def __init__(self, *args, test_cfg: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.test_cfg = self._check_test_cfg(test_cfg)

    def _check_test_cfg(self, test_cfg: dict | None) -> LocalizationTestCfg:
        cfg = settings_of(LocalizationTestCfg, test_cfg, 'model.test_cfg')
        classes = self.head.num_classes
        cfg.topk = whole_number('model.test_cfg.topk', cfg.topk, -1)
        if cfg.topk != -1 and not 1 <= cfg.topk <= classes:
            raise ValueError(
                f'model.test_cfg.topk={cfg.topk}: give 1 to {classes}, the number of classes, '
                'or -1 for the mean over all.'
            )
        if cfg.class_source not in ('gt', 'pred'):
            raise ValueError(
                f"model.test_cfg.class_source={cfg.class_source!r}: give 'gt' or 'pred'."
            )
        if cfg.threshold is not None:
            in_range('model.test_cfg.threshold', cfg.threshold, 0, 1, closed=False)
        return cfg

    @classmethod
    def labels_of(cls, data_samples: list[DataSample]) -> torch.Tensor:
        """y of a batch: (N,), int64, on the device where the preprocessor put it.

        Raises:
            ValueError: A picture has no label, or several.
        """
        require_labels(data_samples)
        labels = [sample.gt_label for sample in data_samples]
        for label in labels:
            if len(label) != 1:
                raise ValueError(
                    f'a picture has {len(label)} labels: {cls.__name__} takes one class per '
                    'picture; for several there are the multi-label classifiers'
                )
        return torch.cat(labels)

    def loss_targets(
        self, data_samples: list[DataSample], device: torch.device
    ) -> tuple[torch.Tensor]:
        """y, (N,), int64."""
        return (self.labels_of(data_samples).to(device),)

    def predict(
        self, inputs: torch.Tensor, data_samples: list[DataSample] | None = None
    ) -> list[DataSample]:
        """Class scores, localization map and box of each image, from one forward pass.

        With ten crops the scores are the mean of the ten softmaxes; the map, and with K > 1 the
        classes it is made of, come from the centre crop. With K = 1 and no label to go by it is
        the map of ``pred_label``.

        Args:
            inputs (Tensor): (N, 3, H, W) or (N, 10, 3, H, W), normalised.
            data_samples (list[DataSample], optional): filled in and returned; ``gt_label`` is
                used with ``test_cfg.class_source='gt'``. Default: new ones.

        Returns:
            list[DataSample]: with ``pred_score`` (C,), the softmax, and of one crop ``cls_score``
            (C,), score_1 itself; ``pred_label`` (1,), ``pred_map`` (h, w) float32, not normalised,
            and, with ``test_cfg.threshold``, ``pred_bboxes`` (1, 4) int64 x0, y0, x1, y1 in pixels
            of the view (x1, y1 one past the last one), on the CPU.

        Raises:
            ValueError: there are several views of each image, but not ten.
        """
        crops = inputs.shape[1] if inputs.ndim == 5 else 1
        if inputs.ndim == 5 and crops != 10:
            raise ValueError(f'{crops} views of each picture: there must be ten, of LocTenCrop')
        images = inputs.flatten(0, 1) if crops > 1 else inputs
        features, tail_features = self.extract_feat(images)
        class_maps = self.head(tail_features)
        score1 = z(class_maps)
        pred_scores = score1.softmax(1)
        if crops > 1:
            pred_scores = pred_scores.unflatten(0, (-1, crops)).mean(1)
            features, class_maps, score1 = (
                x.unflatten(0, (-1, crops))[:, self.CENTRE_CROP]
                for x in (features, class_maps, score1)
            )
        if data_samples is None:
            data_samples = [DataSample() for _ in range(len(pred_scores))]
        labels = (score1 if crops == 1 else pred_scores).argmax(1, keepdim=True)
        classes = self._classes_to_show(score1, labels, data_samples)
        maps = at_least_float32(self.maps(features, class_maps, classes)).mean(1).float()
        for sample, score, label, localization_map in zip(data_samples, pred_scores, labels, maps):
            sample.set_pred_score(score).set_pred_label(label)
            sample.set_field(localization_map, 'pred_map')
        if crops == 1:
            for sample, score in zip(data_samples, score1):
                sample.set_field(score, 'cls_score')
        self._add_boxes(data_samples, maps, inputs.shape[-2:])
        return data_samples

    def _classes_to_show(
        self, score1: torch.Tensor, pred_labels: torch.Tensor, data_samples: list[DataSample]
    ) -> torch.Tensor | None:
        """(N, K) classes whose maps are averaged; None stands for all."""
        topk = self.test_cfg.topk
        if topk in (-1, self.head.num_classes):
            return None
        if topk > 1:
            return top_classes(score1, topk)
        labelled = [i for i, sample in enumerate(data_samples) if 'gt_label' in sample]
        if self.test_cfg.class_source == 'gt' and labelled:
            labels = self.labels_of([data_samples[i] for i in labelled]).to(score1.device)[:, None]
            if len(labelled) == len(data_samples):
                return labels
            return pred_labels.index_copy(0, torch.tensor(labelled, device=score1.device), labels)
        # Not the centre crop's first: place and class of one answer belong together.
        return pred_labels

    def _add_boxes(
        self, data_samples: list[DataSample], maps: torch.Tensor, view_size: tuple[int, int]
    ) -> None:
        if self.test_cfg.threshold is None:
            return
        # One transfer for the batch; components are found on the host.
        for sample, localization_map in zip(data_samples, maps.detach().cpu().numpy()):
            boxes = protocol_a_boxes(localization_map, [self.test_cfg.threshold], tuple(view_size))
            sample.set_field(torch.from_numpy(boxes), 'pred_bboxes')
