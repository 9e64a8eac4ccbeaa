from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmpretrain.structures import DataSample

from bas_mm.evaluation.functional import map_to_original, protocol_a_box, protocol_a_map
from bas_mm.models.classifiers import LocalizationClassifier
from bas_mm.registry import INFERENCERS
from bas_mm.structures import LocalizationPrediction
from bas_mm.utils.arguments import in_range, is_single, listed_labels
from bas_mm.utils.box_geometry import box_in_picture, resize_boxes
from bas_mm.utils.config_datasets import put_ten_crop
from bas_mm.utils.config_metrics import threshold_of
from bas_mm.utils.config_types import type_name
from bas_mm.visualization import LocalizationVisualizer

from .call_settings import CallSettings
from .picture_inferencer import LoadedPicture, PictureInferencer, shrink
from .picture_input import Inputs, PictureInput
from .picture_pipeline import PicturePipeline
from .prediction_folder import PredictionFolder

__all__ = ['LocalizationInferencer']


@INFERENCERS.register_module()
class LocalizationInferencer(PictureInferencer):
    """Classes, localization maps, boxes and masks of pictures, by a trained BAS or CAM.

    Views, scores, maps and boxes are those of ``tools/test.py``: the config's test pipeline makes
    the view, ``model.test_cfg`` says which classes' maps are averaged. Boxes are Protocol A's,
    brought back to the picture. Several threads may call one inferencer, see
    :class:`PictureInferencer`.

    Args:
        config_or_name (str | Path | Config, optional): A config; its file; or the name of one of
            bas_mm's, such as ``bas_resnet50_cub``. Defaults to None: the config that is noted in
            the checkpoint.
        weights (str | Path, optional): Path or URL of a checkpoint, which must be given.
        device (str | torch.device, optional): Defaults to None: an accelerator where there is one.
        ten_crop (bool): Whether class scores are the mean over ten crops. Defaults to False.
        **kwargs: ``classes`` and ``show_progress``, see :class:`PictureInferencer`.

    Raises:
        FileNotFoundError, ValueError: See :class:`PictureInferencer`.

    Examples:
        >>> inferencer = LocalizationInferencer(  # doctest: +SKIP
        ...     'bas_resnet50_cub', 'work_dirs/bas_resnet50_cub/epoch_120.pth')
        >>> found = inferencer('pictures/bird.jpg')['predictions'][0]  # doctest: +SKIP
        >>> found.class_name, found.score, found.box, found.map.shape  # doctest: +SKIP
        >>> inferencer('pictures', batch_size=16, out_dir='found',  # doctest: +SKIP
        ...            return_maps=False)
    """

    MODEL = LocalizationClassifier
    ADVICE = (
        'it needs BASClassifier or CAMClassifier (SegmentationSeedInferencer takes those of '
        'pictures with several labels)'
    )

    def __init__(
        self,
        config_or_name: str | Path | Config | None = None,
        weights: str | Path | None = None,
        device: str | torch.device | None = None,
        *,
        ten_crop: bool = False,
        **kwargs: Any,
    ) -> None:
        self._ten_crop = ten_crop
        super().__init__(config_or_name, weights, device, **kwargs)
        # Boxes are made here, at any threshold.
        self.threshold = threshold_of(self.cfg)
        self._test_cfg = replace(self.model.test_cfg, threshold=None)

    def __call__(
        self,
        inputs: Inputs,
        batch_size: int = 1,
        *,
        labels: int | str | Sequence[int | str] | None = None,
        threshold: float | None = None,
        return_maps: bool = True,
        return_masks: bool = False,
        out_dir: str | Path | None = None,
        save_maps: bool = False,
        save_masks: bool = False,
        no_save_vis: bool = False,
        no_save_pred: bool = False,
        show: bool = False,
        wait_time: float = 0.0,
        return_vis: bool = False,
        skip_unreadable: bool = False,
        on_prediction: Callable[[LocalizationPrediction], None] | None = None,
    ) -> dict[str, Any]:
        """Look at pictures.

        Args:
            inputs (str | Path | np.ndarray | Iterable): A file; a folder, whose pictures are taken
                from all levels; a URL that one of mmengine's file backends reads; an array
                (H, W, 3), uint8, **BGR** as mmcv reads pictures; or an iterable of these. A file
                is turned as the orientation noted in it says, as mmcv.imread does, and results
                are those of the upright picture.
            batch_size (int): Pictures per pass of the network. Defaults to 1.
            labels (int | str | Sequence, optional): Index or name of the class to localize, of all
                pictures or of each; its own map is taken, whatever ``model.test_cfg`` averages.
                Defaults to None: the class with the highest score, and the map of
                ``model.test_cfg``.
            threshold (float, optional): θ in [0, 1) of boxes and masks. Defaults to None: that of
                ``model.test_cfg``, else the only one of the test's LocalizationMetric; without any
                there are no boxes.
            return_maps (bool): Whether predictions hold their maps, which need the memory of a
                picture each. Defaults to True.
            return_masks (bool): Whether they hold their masks. Defaults to False.
            out_dir (str | Path, optional): Write ``predictions.json`` and drawings, ``vis/``, here.
                Defaults to None: nothing is written.
            save_maps (bool): Write ``maps/``: each ``map`` as .npy. Defaults to False.
            save_masks (bool): Write ``masks/``: each mask as PNG of 0 and 255. Defaults to False.
            no_save_vis (bool): Write no drawings. Defaults to False.
            no_save_pred (bool): Write no ``predictions.json``. Defaults to False.
            show (bool): Whether to open a window with each drawing, which needs a display.
                Defaults to False.
            wait_time (float): Seconds that it stays; 0 waits for a key. Defaults to 0.
            return_vis (bool): Whether to return the drawings. Defaults to False.
            skip_unreadable (bool): Whether to go on without pictures that cannot be read.
                Defaults to False.
            on_prediction (Callable, optional): Called with each prediction as soon as its files
                are written, in the order of the pictures. Defaults to None.

        Returns:
            dict[str, Any]: ``predictions``, a list of
            :class:`~bas_mm.structures.LocalizationPrediction` in the order of the pictures;
            ``visualization``, their drawings (H', W', 3), uint8, RGB, or None; ``unreadable``, a
            list of dicts with ``image`` and ``error``, of pictures that have no prediction.

        Raises:
            UnreadableImageError: A picture cannot be read; the message names it.
            ValueError: An argument makes no sense, or the network gives NaN.
            OSError: Nothing can be written to ``out_dir``.

        What was found before an error or Ctrl-C is in ``predictions.json`` all the same, with
        ``"complete": false``.
        """
        if threshold is None:
            threshold = self.threshold
        else:
            threshold = in_range('threshold', threshold, 0, 1, closed=False)
        masks = return_masks or save_masks
        if masks and threshold is None:
            raise ValueError('a mask needs a threshold, and the config has none: give threshold=')
        if (save_maps or save_masks) and out_dir is None:
            raise ValueError('save_maps and save_masks need out_dir')
        settings = CallSettings(
            batch_size=batch_size,
            out_dir=out_dir,
            no_save_vis=no_save_vis,
            no_save_pred=no_save_pred,
            show=show,
            wait_time=wait_time,
            return_vis=return_vis,
            skip_unreadable=skip_unreadable,
            on_prediction=on_prediction,
        )

        def finish(found: LocalizationPrediction, name: str, folder: PredictionFolder) -> None:
            if save_maps:
                found.files['map'] = folder.write_array('maps', name, found.map)
            if save_masks:
                mask = found.mask.view(np.uint8) * np.uint8(255)
                found.files['mask'] = folder.write_picture('masks', name, mask)
            if not return_maps:
                found.map = found.raw_map = None
            if not return_masks:
                found.mask = None

        pictures = self._inputs_to_list(inputs)
        return self._run(
            pictures,
            self._wanted(labels, len(pictures)),
            partial(
                self.forward,
                threshold=threshold,
                maps=return_maps or masks or save_maps or settings.draws,
                masks=masks,
            ),
            finish,
            settings,
        )

    def _prepare_config(self, cfg: Config | ConfigDict) -> None:
        if self._ten_crop and not (cfg.get('test_dataloader') and put_ten_crop(cfg)):
            raise ValueError(
                'ten_crop: the test pipeline has no LocCenterCrop that ten crops could replace'
            )

    def _init_pipeline(self, cfg: Config | ConfigDict) -> PicturePipeline:
        with DefaultScope.overwrite_default_scope(self.scope):
            return PicturePipeline.of_config(cfg, 'test_dataloader', tracked=True)

    def _init_visualizer(self, cfg: Config | ConfigDict) -> LocalizationVisualizer:
        """The config's way to draw, but not its backends: files are written here."""
        own = cfg.get('visualizer') or {}
        if type_name(own) != 'LocalizationVisualizer':
            own = {}
        left = ('type', 'name', 'vis_backends', 'save_dir')
        visualizer = LocalizationVisualizer(**{k: v for k, v in own.items() if k not in left})
        visualizer.dataset_meta = dict(classes=self.classes)
        return visualizer

    def _wanted(self, labels: int | str | Sequence | None, count: int) -> list[int] | None:
        """The class to localize of each picture."""
        if labels is None:
            return None
        if is_single(labels):
            return [self.class_index(labels)] * count
        if isinstance(labels, Set):
            raise ValueError(
                'labels of each picture have an order, which a set has not: give a list'
            )
        labels = listed_labels(labels)
        if len(labels) != count:
            raise ValueError(f'there are {len(labels)} labels for {count} pictures')
        return [self.class_index(label) for label in labels]

    def read(self, position: int, picture: PictureInput, wanted: int | None) -> LoadedPicture:
        """Read a picture and make its view."""
        results = self.pipeline.load(picture)
        views = self.pipeline.view(results)
        if wanted is not None:
            views['data_samples'].set_gt_label(wanted)
        return LoadedPicture(picture, position, results['img'], views, wanted)

    @torch.inference_mode()
    def forward(
        self,
        batch: Sequence[LoadedPicture],
        threshold: float | None = None,
        maps: bool = True,
        masks: bool = False,
    ) -> list[LocalizationPrediction]:
        """One pass of the network.

        Args:
            batch (Sequence[LoadedPicture]): Pictures whose views are of one size.
            threshold (float, optional): θ. Defaults to None: no boxes.
            maps (bool): Whether maps at the size of the pictures are made. Defaults to True.
            masks (bool): Whether masks are made of them. Defaults to False.

        Raises:
            ValueError: A map or a score is NaN or infinite; the message names the picture.
        """
        # With labels the map is that of the label, K or not.
        labelled = batch[0].wanted is not None
        # A copy, which shares all weights: other threads may ask for other maps at the same time.
        model = copy(self.model)
        model.test_cfg = (
            replace(self._test_cfg, topk=1, class_source='gt') if labelled else self._test_cfg
        )
        samples = model.test_step(self.collate_fn([loaded.views for loaded in batch]))
        # Classes that a softmax rounds to one are told apart, as in the figures of a test.
        keys = ['pred_map', 'pred_score'] + ['cls_score'] * ('cls_score' in samples[0])
        raw_maps, scores, *ranks = (
            torch.stack([getattr(sample, key) for sample in samples]).float().cpu().numpy()
            for key in keys
        )
        return [
            self._predict(*picture, threshold, maps, masks)
            for picture in zip(batch, samples, scores, *(ranks or [scores]), raw_maps)
        ]

    def _predict(
        self,
        loaded: LoadedPicture,
        sample: DataSample,
        scores: np.ndarray,
        ranks: np.ndarray,
        raw_map: np.ndarray,
        threshold: float | None,
        maps: bool,
        masks: bool,
    ) -> LocalizationPrediction:
        size = loaded.image.shape[:2]
        view_size = tuple(loaded.views['inputs'].shape[-2:])
        view_box = sample.get('view_box', (0, 0, size[1], size[0]))
        try:
            if not np.isfinite(scores).all():
                raise ValueError('the scores hold NaN or infinite values')
            view_map = protocol_a_map(raw_map, view_size)
        except ValueError as error:
            raise ValueError(f'{loaded.picture.image}: {error}') from error
        box = in_view = above = None
        if threshold is not None:
            in_view, above = protocol_a_box(view_map, threshold)
            box = box_in_picture(in_view, view_box, view_size[::-1], size[::-1])
        first = np.argsort(-ranks, kind='stable')[:5].tolist()
        label = first[0] if loaded.wanted is None else loaded.wanted
        found = LocalizationPrediction(
            image=loaded.picture.image,
            size=size,
            label=label,
            class_name=self.classes[label],
            score=float(scores[label]),
            top5=[(index, self.classes[index], float(scores[index])) for index in first],
            threshold=threshold,
            box=box,
            box_in_view=None if in_view is None else tuple(in_view.tolist()),
            view_box=tuple(view_box),
            view_size=view_size,
            found=above,
            raw_map=raw_map,
        )
        if maps or masks:
            found.map = map_to_original(view_map, view_box, size)
        if masks:
            # In float32, as in the view.
            found.mask = found.map > np.float32(threshold)
        return found

    def visualize(self, loaded: LoadedPicture, prediction: LocalizationPrediction) -> np.ndarray:
        """The picture, its map, and its box beside each other.

        Where nothing was found there is no box: the caption says so.

        Args:
            loaded (LoadedPicture): The picture.
            prediction (LocalizationPrediction): With ``map``.

        Returns:
            np.ndarray: (H', W', 3) uint8, RGB.
        """
        image = shrink(loaded.image[..., ::-1])
        (height, width), size = image.shape[:2], prediction.size
        sample = DataSample()
        # The highest score is drawn: here that of the class that is localized.
        scores = torch.full((len(self.classes),), -1.0)
        scores[prediction.label] = prediction.score
        sample.set_pred_score(scores)
        sample.set_field(torch.from_numpy(prediction.map), 'pred_map')
        if prediction.box is not None:
            box = resize_boxes([prediction.box], size[::-1], (width, height))
            box = np.rint(box).astype(np.int64)
            # A box that is narrower than a pixel of the drawing is one pixel wide.
            box[:, :2] = np.minimum(box[:, :2], (width - 1, height - 1))
            box[:, 2:] = np.maximum(box[:, 2:], box[:, :2] + 1)
            # The whole view, where nothing was found, is no detection.
            sample.set_field(torch.from_numpy(box[: int(prediction.found)]), 'pred_bboxes')
        return self.visualizer.add_datasample(
            Path(loaded.picture.name).name,
            image,
            sample,
            draw_gt=False,
            threshold=prediction.threshold,
        )
