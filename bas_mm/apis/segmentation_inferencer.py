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
from .picture_inferencer import BUILDING, LoadedPicture, PictureInferencer, shrink
from .picture_input import Inputs, PictureInput
from .picture_pipeline import PicturePipeline
from .prediction_folder import PredictionFolder

__all__ = ['SegmentationInferencer']


@INFERENCERS.register_module()
class SegmentationInferencer(PictureInferencer):
    """Label maps of pictures, by a trained segmentor: DeepLabv2, or another of mmsegmentation.

    A picture is tested as ``tools/test.py`` tests it: through the pipeline of the config, at the
    model's own scales, with the CRF if it has one. Several threads may call one inferencer, see
    :class:`PictureInferencer`; their passes of the network take turns.

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

    def __call__(
        self,
        inputs: Inputs,
        batch_size: int = 1,
        *,
        return_maps: bool = True,
        out_dir: str | Path | None = None,
        no_save_vis: bool = False,
        no_save_pred: bool = False,
        show: bool = False,
        wait_time: float = 0.0,
        return_vis: bool = False,
        skip_unreadable: bool = False,
        on_prediction: Callable[[SegmentationPrediction], None] | None = None,
    ) -> dict[str, Any]:
        """Segment pictures.

        Args:
            inputs (str | Path | np.ndarray | Iterable): A file; a folder, whose pictures are taken
                from all levels; a URL that one of mmengine's file backends reads; an array
                (H, W, 3), uint8, **BGR** as mmcv reads pictures; or an iterable of these. A file
                is turned as the orientation noted in it says, as mmcv.imread does, and results
                are those of the upright picture.
            batch_size (int): Neighbours of one size per pass of the network. Defaults to 1.
            return_maps (bool): Whether predictions hold ``label_map``. Defaults to True.
            out_dir (str | Path, optional): Write ``predictions.json``, label maps as palette PNGs,
                ``masks/``, and drawings, ``vis/``, here. Defaults to None: nothing is written.
            no_save_vis (bool): Write no drawings. Defaults to False.
            no_save_pred (bool): Write no ``predictions.json`` and no label maps.
                Defaults to False.
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
            :class:`~bas_mm.structures.SegmentationPrediction` in the order of the pictures;
            ``visualization``, their drawings (H', W', 3), uint8, RGB, or None; ``unreadable``, a
            list of dicts with ``image`` and ``error``, of pictures that have no prediction.

        Raises:
            UnreadableImageError: A picture cannot be read; the message names it.
            ValueError: An argument makes no sense, or the network gives NaN.
            OSError: Nothing can be written to ``out_dir``.

        What was found before an error or Ctrl-C is in ``predictions.json`` all the same, with
        ``"complete": false``.
        """
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

        def finish(
            found: SegmentationPrediction, name: str, folder: PredictionFolder | None
        ) -> None:
            if folder is not None and not no_save_pred:
                found.files['mask'] = folder.write_label_map('masks', name, found.label_map)
            if not return_maps:
                found.label_map = None

        pictures = self._inputs_to_list(inputs)
        return self._run(pictures, None, self.forward, finish, settings)

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
