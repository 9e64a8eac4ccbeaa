from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmseg.models.segmentors import BaseSegmentor

from bas_mm.registry import INFERENCERS
from bas_mm.structures import SegmentationPrediction
from bas_mm.utils.config_datasets import pipeline_of_config
from bas_mm.visualization.seed_drawing import draw_seeds

from .call_settings import CallSettings
from .picture_inferencer import BUILDING, CallPlan, LoadedPicture, PictureInferencer, shrink
from .picture_input import PictureInput
from .picture_pipeline import PicturePipeline
from .prediction_folder import PredictionFolder

__all__ = ['SegmentationInferencer']


@INFERENCERS.register_module()
class SegmentationInferencer(PictureInferencer):
    """Label maps of pictures, by a trained segmentor: DeepLabv2, or another of mmsegmentation.

    A picture is tested as ``tools/test.py`` tests it: through the pipeline of the config, at the
    model's own scales, with the CRF if it has one. Several threads may call one inferencer, see
    :class:`PictureInferencer`; their passes of the network take turns.

    A call takes the arguments of :meth:`PictureInferencer.__call__`. It finds
    :class:`~bas_mm.structures.SegmentationPrediction`.

    Args:
        config_or_name (str | Path | Config, optional): A config; its file; or the name of one of
            bas_mm's, such as ``deeplabv2_small_embedded``. It needs the pipeline of a
            ``test_dataloader``, or else of a ``val_dataloader``, or else a ``test_pipeline``.
            Defaults to None: the config that is noted in the checkpoint.
        weights (str | Path, optional): Path or URL of a checkpoint, which must be given.
        device (str | torch.device, optional): Defaults to None: an accelerator where there is one.
        **kwargs: ``classes`` (with the background) and ``show_progress``, see
            :class:`PictureInferencer`.

    Raises:
        FileNotFoundError, ValueError: See :class:`PictureInferencer`; or there is no pipeline.

    Examples:
        >>> inferencer = SegmentationInferencer(  # doctest: +SKIP
        ...     'deeplabv2_small_embedded', 'work_dirs/wsss_small_embedded/segmentor/iter_400.pth')
        >>> found = inferencer('pictures/street.jpg')['predictions'][0]  # doctest: +SKIP
        >>> found.class_names, found.label_map.shape  # doctest: +SKIP
    """

    MODEL = BaseSegmentor
    ADVICE = (
        'it needs a segmentor, such as MultiScaleEncoderDecoder (SegmentationSeedInferencer takes '
        'BAS-Seg and CAM)'
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(self.classes) > 255:
            raise ValueError(
                f'the model has {len(self.classes)} classes, but label maps are of bytes, which '
                'have place for 255'
            )

    def plan(self, settings: CallSettings, /) -> CallPlan:
        """Calls of this class take nothing of their own."""

        def finish(
            found: SegmentationPrediction, name: str, folder: PredictionFolder | None
        ) -> None:
            if settings.save_pred:
                found.files['mask'] = folder.write_label_map('masks', name, found.label_map)
            if not settings.return_maps:
                found.label_map = None

        return CallPlan(self.forward, finish)

    @classmethod
    def _num_classes(cls, model: BaseSegmentor) -> int:
        # The base class has none, all of mmsegmentation's have.
        if getattr(model, 'num_classes', None) is None:
            raise ValueError(f'{type(model).__name__} has no num_classes: {cls.ADVICE}')
        return model.num_classes

    def _init_pipeline(self, cfg: Config | ConfigDict) -> PicturePipeline:
        """Without a test set there is still the pipeline that mmsegmentation's inference takes."""
        found = {
            f'{loader}.dataset.pipeline': pipeline_of_config(cfg, loader)
            for loader in ('test_dataloader', 'val_dataloader')
        }
        found['test_pipeline'] = cfg.get('test_pipeline')
        for key, pipeline in found.items():
            if pipeline:
                with DefaultScope.overwrite_default_scope(self.scope):
                    return PicturePipeline(pipeline, key)
        raise ValueError(
            'the config has neither a test_dataloader nor a val_dataloader with a pipeline: give '
            'it a test_pipeline, such as configs/_base_/datasets/voc12_pseudo.py has'
        )

    def _init_collate(self, cfg: Config | ConfigDict) -> Callable:
        """Lists, as mmsegmentation's data preprocessor takes them."""
        return pseudo_collate

    def read(self, position: int, picture: PictureInput, wanted: None = None) -> LoadedPicture:
        """Read a picture and make its view."""
        results = self.pipeline.load(picture)
        views = self.pipeline.view(results)
        # For the CRF: the file may be turned, and an array has none. set_metainfo would copy it.
        views['data_samples'].set_field(results['img'], 'ori_img', field_type='metainfo')
        return LoadedPicture(picture, position, results['img'], views, wanted)

    @torch.inference_mode()
    def forward(self, batch: Sequence[LoadedPicture]) -> list[SegmentationPrediction]:
        """One pass of the network.

        Args:
            batch (Sequence[LoadedPicture]): Pictures whose views are of one size.

        Raises:
            ValueError: Scores are NaN; the message names the picture.
        """
        data = self.collate_fn([loaded.views for loaded in batch])
        # Parts of a model may build others when they are called.
        with BUILDING, DefaultScope.overwrite_default_scope(self.scope):
            samples = self.model.test_step(data)
        return [self._predict(*pair) for pair in zip(batch, samples)]

    def _predict(self, loaded: LoadedPicture, sample: Any) -> SegmentationPrediction:
        if sample.seg_logits.data.isnan().any():
            raise ValueError(f'{loaded.picture.image}: the scores hold NaN')
        label_map = sample.pred_sem_seg.data[0].cpu().numpy().astype(np.uint8)
        labels, counts = np.unique(label_map, return_counts=True)
        return SegmentationPrediction(
            image=loaded.picture.image,
            size=loaded.image.shape[:2],
            labels=labels.tolist(),
            class_names=[self.classes[label] for label in labels],
            shares=(counts / label_map.size).tolist(),
            label_map=label_map,
        )

    def visualize(self, loaded: LoadedPicture, prediction: SegmentationPrediction) -> np.ndarray:
        """The picture, and beside it the picture under the colours of its classes but the first.

        Args:
            loaded (LoadedPicture): The picture.
            prediction (SegmentationPrediction): With ``label_map``.

        Returns:
            np.ndarray: (H', W', 3) uint8, RGB.
        """
        image = shrink(loaded.image[..., ::-1])
        size = image.shape[1::-1]
        label_map = cv2.resize(prediction.label_map, size, interpolation=cv2.INTER_NEAREST)
        shown = [pair for pair in zip(prediction.labels, prediction.class_names) if pair[0]]
        return draw_seeds(
            Path(loaded.picture.name).name,
            image,
            label_map,
            (),
            # Seeds are counted without the background.
            [label - 1 for label, _ in shown],
            [name for _, name in shown],
        )
