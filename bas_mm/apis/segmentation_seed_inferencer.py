from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope

from bas_mm.models.classifiers import MultiLabelClassifier
from bas_mm.models.functional import seeds_to_labels
from bas_mm.registry import INFERENCERS
from bas_mm.structures import SeedPrediction
from bas_mm.utils.arguments import in_range, is_single, listed_labels, scale_factors
from bas_mm.utils.config_params import params_of
from bas_mm.visualization.seed_drawing import draw_seeds
from bas_mm.wsss.functional.seed_sizes import strided_size
from bas_mm.wsss.multi_scale_views import scale_views
from bas_mm.wsss.seed_file import SeedFile
from bas_mm.wsss.seed_maker import SeedMaker, SeedParams

from .call_settings import CallSettings
from .picture_inferencer import LoadedPicture, PictureInferencer, shrink
from .picture_input import Inputs, PictureInput
from .picture_pipeline import PicturePipeline
from .prediction_folder import PredictionFolder

__all__ = ['SegmentationSeedInferencer']


class _Views(NamedTuple):
    """What the network sees of a picture: the picture for seeds, its view for scores."""

    picture: torch.Tensor
    scored: dict[str, Any] | None


@INFERENCERS.register_module()
class SegmentationSeedInferencer(PictureInferencer):
    """Classes and segmentation seeds of pictures, by a trained BAS-Seg or CAM.

    Seeds are those of ``tools/wsss/make_seeds.py``: maps over several scales and mirror images. The
    classes are the caller's, or those that the network finds in the test pipeline's view. Several
    threads may call one inferencer, see :class:`PictureInferencer`.

    Args:
        config_or_name (str | Path | Config, optional): A config; its file; or the name of one of
            bas_mm's, such as ``bas_seg_resnet50_voc12``. It needs ``seed_dataloader``. Defaults to
            None: the config that is noted in the checkpoint.
        weights (str | Path, optional): Path or URL of a checkpoint, which must be given.
        device (str | torch.device, optional): Defaults to None: an accelerator where there is one.
        **kwargs: ``classes`` and ``show_progress``, see :class:`PictureInferencer`.

    Raises:
        FileNotFoundError, ValueError: See :class:`PictureInferencer`; or ``seed_cfg`` has a key or
            value that makes no sense.

    Examples:
        >>> inferencer = SegmentationSeedInferencer(  # doctest: +SKIP
        ...     'bas_seg_resnet50_voc12', 'work_dirs/bas_seg_resnet50_voc12/epoch_10.pth')
        >>> found = inferencer('pictures/street.jpg', labels=['car', 'person'])  # doctest: +SKIP
        >>> found['predictions'][0].label_map.shape  # doctest: +SKIP
    """

    MODEL = MultiLabelClassifier
    ADVICE = (
        'it needs BASSegClassifier or MultiLabelCAMClassifier (LocalizationInferencer takes those '
        'of pictures with one label)'
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = params_of(SeedParams(), self.cfg.get('seed_cfg'), 'seed_cfg')
        if len(self.classes) > 254:
            raise ValueError(
                f'the model has {len(self.classes)} classes, but label maps are of bytes, which '
                'have place for 254: take tools/wsss/make_seeds.py, whose seeds have no limit'
            )

    def __call__(
        self,
        inputs: Inputs,
        batch_size: int = 1,
        *,
        labels: Sequence[int | str] | Sequence[Sequence[int | str]] | None = None,
        score_thr: float | None = None,
        background: float = 0.3,
        scales: Sequence[float] | None = None,
        flip: bool | None = None,
        return_maps: bool = True,
        out_dir: str | Path | None = None,
        save_seeds: bool = False,
        no_save_vis: bool = False,
        no_save_pred: bool = False,
        show: bool = False,
        wait_time: float = 0.0,
        return_vis: bool = False,
        skip_unreadable: bool = False,
        on_prediction: Callable[[SeedPrediction], None] | None = None,
    ) -> dict[str, Any]:
        """Look at pictures.

        Args:
            inputs (str | Path | np.ndarray | Iterable): A file; a folder, whose pictures are taken
                from all levels; a URL that one of mmengine's file backends reads; an array
                (H, W, 3), uint8, **BGR** as mmcv reads pictures; or an iterable of these. A file
                is turned as the orientation noted in it says, as mmcv.imread does, and results
                are those of the upright picture.
            batch_size (int): Pictures per pass of the network for scores; seeds are made of one
                picture at a time, for their sizes differ. Defaults to 1.
            labels (Sequence, optional): Indices or names of the classes of all pictures; or a list
                of such lists, one for each. Defaults to None: those that the network finds.
            score_thr (float, optional): Score that a class must reach to be found. Defaults to
                None: as the model's head decides.
            background (float): Background score in [0, 1] of the label map. Defaults to 0.3, at
                which IRNet's labels take a class for sure.
            scales (Sequence[float], optional): Defaults to None: ``seed_cfg.scales``.
            flip (bool, optional): Whether mirror images take part. Defaults to None:
                ``seed_cfg.flip``.
            return_maps (bool): Whether predictions hold ``strided``, ``high_res`` and
                ``label_map``. Defaults to True.
            out_dir (str | Path, optional): Write ``predictions.json``, label maps as palette PNGs,
                ``masks/``, and drawings, ``vis/``, here. Defaults to None: nothing is written.
            save_seeds (bool): Write ``seeds/``: seed files as ``make_seeds.py`` writes them, of
                pictures with a class. Defaults to False.
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
            dict[str, Any]: ``predictions``, a list of :class:`~bas_mm.structures.SeedPrediction` in
            the order of the pictures; ``visualization``, their drawings (H', W', 3), uint8, RGB, or
            None; ``unreadable``, a list of dicts with ``image`` and ``error``, of pictures that
            have no prediction.

        Raises:
            UnreadableImageError: A picture cannot be read; the message names it.
            ValueError: An argument makes no sense, or the network gives NaN.
            OSError: Nothing can be written to ``out_dir``.

        What was found before an error or Ctrl-C is in ``predictions.json`` all the same, with
        ``"complete": false``.
        """
        background = in_range('background', background, 0, 1, closed=True)
        if score_thr is not None:
            score_thr = in_range('score_thr', score_thr, 0, 1, closed=True)
        if flip is not None and not isinstance(flip, (bool, np.bool_)):
            raise ValueError(f'flip must be True, False or None, got {flip!r}')
        if save_seeds and out_dir is None:
            raise ValueError('save_seeds needs out_dir')
        if labels is None and self.scoring is None:
            raise ValueError(
                'the config has no test_dataloader, whose pipeline makes the view for scores: give '
                'labels'
            )
        scales = self.params.scales if scales is None else scale_factors('scales', scales)
        maker = SeedMaker(self.model, self.params.flip if flip is None else flip)
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

        def finish(found: SeedPrediction, name: str, folder: PredictionFolder | None) -> None:
            if folder is not None and not no_save_pred:
                found.files['mask'] = folder.write_label_map('masks', name, found.label_map)
            if save_seeds and found.labels:
                found.files['seeds'], path = folder.place('seeds', name, '.npz')
                classes = np.array(found.labels, dtype=np.int64)
                SeedFile(classes, found.strided, found.high_res).save(path)
            if not return_maps:
                found.strided = found.high_res = found.label_map = None

        pictures = self._inputs_to_list(inputs)
        return self._run(
            pictures,
            self._wanted(labels, len(pictures)),
            partial(
                self.forward,
                maker=maker,
                scales=scales,
                background=background,
                score_thr=score_thr,
            ),
            finish,
            settings,
        )

    def _init_pipeline(self, cfg: Config | ConfigDict) -> PicturePipeline:
        """The pipeline of seeds; ``scoring`` is that of scores."""
        with DefaultScope.overwrite_default_scope(self.scope):
            self.scoring = None
            if cfg.get('test_dataloader') is not None:
                self.scoring = PicturePipeline.of_config(cfg, 'test_dataloader')
            return PicturePipeline.of_config(cfg, 'seed_dataloader')

    def _wanted(self, labels: Sequence | None, count: int) -> list[list[int]] | None:
        """The classes of each picture, ascending."""
        if labels is None:
            return None
        labels = [labels] if is_single(labels) else listed_labels(labels)
        if not labels:
            raise ValueError(
                'labels is empty: give classes, or None for those that the network finds'
            )
        one_for_all = any(map(is_single, labels))
        lists = [labels] * count if one_for_all else labels
        if len(lists) != count:
            raise ValueError(f'there are {len(lists)} lists of labels for {count} pictures')
        return [sorted({self.class_index(label) for label in listed_labels(own)}) for own in lists]

    def read(self, position: int, picture: PictureInput, wanted: list[int] | None) -> LoadedPicture:
        """Read a picture, and make the view for scores where they are needed."""
        results = self.pipeline.load(picture)
        inputs = self.pipeline.view(results)['inputs']
        if inputs.dtype != torch.uint8 or inputs.ndim != 3:
            raise ValueError(
                f'{self.pipeline.key} gives {inputs.dtype} {tuple(inputs.shape)}, but uint8 '
                '(3, h, w) is needed: LoadLocImage and PackInputs are enough'
            )
        scored = self.scoring.view(results) if wanted is None else None
        return LoadedPicture(picture, position, results['img'], _Views(inputs, scored), wanted)

    def batch_key(self, loaded: LoadedPicture) -> Any:
        """Pictures whose scored views are of one size may be in a batch."""
        scored = loaded.views.scored
        return None if scored is None else scored['inputs'].shape

    @torch.inference_mode()
    def forward(
        self,
        batch: Sequence[LoadedPicture],
        maker: SeedMaker,
        scales: Sequence[float],
        background: float,
        score_thr: float | None = None,
    ) -> list[SeedPrediction]:
        """One pass for the scores of the pictures whose classes are not given, then their seeds.

        Args:
            batch (Sequence[LoadedPicture]): Pictures whose scored views are of one size.
            maker (SeedMaker): The network for seeds.
            scales (Sequence[float]): Its scales.
            background (float): Background score of the label map.
            score_thr (float, optional): See :meth:`__call__`.

        Raises:
            ValueError: Scores or maps are NaN or infinite; the message names the picture.
        """
        found = self._score(batch, score_thr)
        started = []
        for loaded, (labels, _) in zip(batch, found):
            picture, classes = loaded.views.picture, torch.tensor(labels, dtype=torch.int64)
            size = tuple(picture.shape[1:])
            flat = maker.start(scale_views(picture, scales), classes, size) if labels else None
            started.append((flat, classes, size))
        return [
            self._predict(loaded, *own, *work, background)
            for loaded, own, work in zip(batch, found, started)
        ]

    def _score(
        self, batch: Sequence[LoadedPicture], score_thr: float | None
    ) -> list[tuple[list[int], list[float] | None]]:
        """Classes of each picture, and their scores where they were not given."""
        if batch[0].wanted is not None:
            return [(loaded.wanted, None) for loaded in batch]
        samples = self.model.test_step(self.collate_fn([loaded.views.scored for loaded in batch]))
        result = []
        all_scores = torch.stack([sample.pred_score for sample in samples]).float().cpu()
        for loaded, sample, scores in zip(batch, samples, all_scores):
            if not scores.isfinite().all():
                raise ValueError(f'{loaded.picture.image}: the scores hold NaN or infinite values')
            labels = sample.pred_label.cpu()
            if score_thr is not None:
                labels = (scores >= score_thr).nonzero()[:, 0]
            labels = labels.sort().values
            result.append((labels.tolist(), scores[labels].tolist()))
        return result

    def _predict(
        self,
        loaded: LoadedPicture,
        labels: list[int],
        scores: list[float] | None,
        flat: torch.Tensor | None,
        classes: torch.Tensor,
        size: tuple[int, int],
        background: float,
    ) -> SeedPrediction:
        if flat is None:
            maps = np.zeros((0, *strided_size(*size)), np.float32), np.zeros((0, *size), np.float32)
            label_map = np.zeros(size, np.uint8)
        else:
            seeds = SeedMaker.finish(flat, classes, size)
            try:
                seeds.check()
            except ValueError as error:
                raise ValueError(
                    f'{loaded.picture.image}: the network gives no usable maps: {error}'
                ) from None
            maps = seeds.strided, seeds.high_res
            high_res = torch.from_numpy(seeds.high_res)
            label_map = seeds_to_labels(high_res, classes, background).numpy()
        return SeedPrediction(
            image=loaded.picture.image,
            size=size,
            labels=labels,
            class_names=[self.classes[label] for label in labels],
            scores=scores,
            background=background,
            label_map=label_map,
            strided=maps[0],
            high_res=maps[1],
        )

    def visualize(self, loaded: LoadedPicture, prediction: SeedPrediction) -> np.ndarray:
        """The picture, its label map, and the map of each class beside each other.

        Args:
            loaded (LoadedPicture): The picture.
            prediction (SeedPrediction): With its arrays.

        Returns:
            np.ndarray: (H', W', 3) uint8, RGB.
        """
        image = shrink(loaded.image[..., ::-1])
        size = image.shape[1::-1]
        labels = cv2.resize(prediction.label_map, size, interpolation=cv2.INTER_NEAREST)
        scores = [''] * len(prediction.labels)
        if prediction.scores is not None:
            scores = [f' {score:.2f}' for score in prediction.scores]
        return draw_seeds(
            Path(loaded.picture.name).name,
            image,
            labels,
            prediction.high_res,
            prediction.labels,
            [name + score for name, score in zip(prediction.class_names, scores)],
        )
