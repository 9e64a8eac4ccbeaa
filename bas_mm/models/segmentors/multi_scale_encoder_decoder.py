from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import mmcv
import torch
import torch.nn.functional as F
from mmengine.fileio import get
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample

from bas_mm.models.functional import maximum_of_scales, resize_labels, scaled_size
from bas_mm.registry import MODELS
from bas_mm.utils.arguments import scale_factors
from bas_mm.utils.config_params import params_of, settings_of
from bas_mm.utils.cudnn_search import without_cudnn_search
from bas_mm.utils.dense_crf import CRFParams, crf_probabilities


@dataclass(frozen=True)
class MultiScaleTrainCfg:
    """At which scales a step is trained; the keys of ``model.train_cfg``.

    Attributes:
        scales (Sequence[float]): of the crop; each is a pass of the network.
        loss_at (str): where scores and labels meet. 'logits': labels are made smaller, by nearest
            neighbour, to each map's own size, as DeepLabv2 was published. 'labels': scores are
            made larger to the size of the labels, as mmsegmentation does elsewhere.
    """

    scales: Sequence[float] = (1.0, 0.75, 0.5)
    loss_at: str = 'logits'

    def __post_init__(self) -> None:
        object.__setattr__(self, 'scales', scale_factors('model.train_cfg.scales', self.scales))
        if self.loss_at not in ('logits', 'labels'):
            raise ValueError(
                f"model.train_cfg.loss_at={self.loss_at!r}: give 'logits' or 'labels'."
            )


@dataclass(frozen=True)
class MultiScaleTestCfg:
    """How a picture is tested; the keys of ``model.test_cfg``.

    Attributes:
        scales (Sequence[float]): of the picture; each is a pass of the network.
        flip (bool): whether the mirror image of each scale counts as well.
        merge (str): 'mean', that of the probabilities over all views, or 'max', the maximum of
            the scores over them, as in training.
        crf (dict, optional): refine the probabilities with the original picture; keys of
            :class:`~bas_mm.utils.dense_crf.CRFParams`, ``dict()`` for the published
            ones. Needs pydensecrf2, and one to two seconds of a core for a VOC picture. None: off.
        mode (str): 'whole': a view is one pass; mmsegmentation's 'slide' is not there.
    """

    scales: Sequence[float] = (1.0,)
    flip: bool = False
    merge: str = 'mean'
    crf: Mapping[str, float] | None = None
    mode: str = 'whole'

    def __post_init__(self) -> None:
        object.__setattr__(self, 'scales', scale_factors('model.test_cfg.scales', self.scales))
        if not isinstance(self.flip, bool):
            raise ValueError(f'model.test_cfg.flip={self.flip!r}: True or False is needed')
        if self.merge not in ('mean', 'max'):
            raise ValueError(f"model.test_cfg.merge={self.merge!r}: give 'mean' or 'max'.")
        if self.mode != 'whole':
            raise ValueError(f"model.test_cfg.mode={self.mode!r}: only 'whole' is there.")
        _ = self.crf_params

    @property
    def crf_params(self) -> CRFParams | None:
        """``crf`` as parameters."""
        if self.crf is None:
            return None
        return params_of(CRFParams(), self.crf, 'model.test_cfg.crf')


@MODELS.register_module()
class MultiScaleEncoderDecoder(EncoderDecoder):
    """mmsegmentation's segmentor, trained on several scales at once and tested on several.

    In training the crop passes at each scale; the loss is the sum of those of each scale's scores
    and of their maximum, which is taken at the size of the largest map. Losses are named by scale:
    ``scale_0.75.loss_ce``, ``max.loss_ce``. With one scale there is no maximum.

    In testing the scales are a matter of this class, not of a test-time augmentation around it:
    any runner tests with them, and the CRF comes after them. Predictions have ``seg_logits``,
    whose softmax are the probabilities, and ``pred_sem_seg``, both in the size of the original
    picture. Probabilities are merged at the size of the input: a pipeline without a resize gives
    that of the picture.

    The head's ``align_corners`` decides all resizes. With crops of 8k + 1 pixels (321) and a
    stride of 8, aligned corners put each score exactly on every eighth pixel.

    Source: Chen et al., *DeepLab* (v2), "multi-scale" training and test.

    Args:
        backbone (dict): any backbone of mmsegmentation or mmpretrain.
        decode_head (dict): a head of mmsegmentation's kind.
        train_cfg (dict, optional): keys of :class:`MultiScaleTrainCfg`.
        test_cfg (dict, optional): keys of :class:`MultiScaleTestCfg`.
        **kwargs: ``neck``, ``data_preprocessor``, ``init_cfg``.

    Raises:
        ValueError: an impossible setting; the message names the key.
    """

    def __init__(
        self,
        backbone: dict,
        decode_head: dict,
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        if kwargs.get('auxiliary_head') is not None:
            raise ValueError(
                'model.auxiliary_head: MultiScaleEncoderDecoder has none; the scales are its '
                'further losses.'
            )
        super().__init__(backbone, decode_head, **kwargs)
        if self.out_channels == 1:
            raise ValueError(
                'model.decode_head.out_channels=1: give one channel per class; the maximum over '
                'scales and the CRF are made for distributions over classes.'
            )
        self.train_cfg = settings_of(MultiScaleTrainCfg, train_cfg, 'model.train_cfg')
        self.test_cfg = settings_of(MultiScaleTestCfg, test_cfg, 'model.test_cfg')

    def loss(self, inputs: torch.Tensor, data_samples: list[SegDataSample]) -> dict:
        """Losses of all scales.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[SegDataSample]): with ``gt_sem_seg`` (1, H, W).

        Returns:
            dict[str, Tensor]: ``scale_S.loss_…`` for each scale S, ``max.loss_…``, and the
            accuracy ``acc_seg`` of the last of them in percent.
        """
        labels = torch.stack([sample.gt_sem_seg.data for sample in data_samples])
        maps = {
            f'scale_{scale:g}': self._scores(self._at_scale(inputs, scale))
            for scale in self.train_cfg.scales
        }
        if len(maps) > 1:
            maps['max'] = maximum_of_scales(list(maps.values()), self.align_corners)
        losses: dict[str, torch.Tensor] = {}
        for name, logits in maps.items():
            terms = self.decode_head.loss_by_feat(logits, self._targets(labels, logits))
            accuracy = terms.pop('acc_seg', None)
            losses.update({f'{name}.{key}': value for key, value in terms.items()})
        if accuracy is not None:
            losses['acc_seg'] = accuracy
        return losses

    def inference(self, inputs: torch.Tensor, batch_img_metas: list[dict]) -> torch.Tensor:
        """Scores of all views, merged.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            batch_img_metas (list[dict]): unused; mmsegmentation passes them.

        Returns:
            Tensor: (N, C, H, W): scores with one view or ``merge='max'``, otherwise the logarithm
            of the mean probabilities.
        """
        cfg = self.test_cfg
        views = len(cfg.scales) * (1 + cfg.flip)
        mean = cfg.merge == 'mean' and views > 1
        merged = None
        for scale in cfg.scales:
            scaled = self._at_scale(inputs, scale)
            batch = torch.cat([scaled, scaled.flip(3)]) if cfg.flip else scaled
            scores = self._resize(self._scores(batch), inputs.shape[2:]).float()
            if mean:
                scores = scores.softmax(1)
            for part, mirrored in zip(scores.split(len(inputs)), (False, True)):
                view = part.flip(3) if mirrored else part
                if merged is None:
                    merged = view
                else:
                    merged = merged + view if mean else torch.maximum(merged, view)
        if mean:
            # A probability of 0 would be −∞, which no resize after this survives.
            merged = (merged / views).clamp_min(torch.finfo(merged.dtype).tiny).log()
        return merged

    def predict(
        self, inputs: torch.Tensor, data_samples: list[SegDataSample] | None = None
    ) -> list[SegDataSample]:
        """Segment a batch.

        Args:
            inputs (Tensor): (N, 3, H, W), normalised.
            data_samples (list[SegDataSample], optional): with ``ori_shape``, and for the CRF
                ``ori_img``, the picture (h, w, 3), uint8, BGR, or else ``img_path``. Default:
                None, predictions have the size of the input.

        Returns:
            list[SegDataSample]: the same, or new ones, with ``seg_logits`` (C, h, w) and
            ``pred_sem_seg`` (1, h, w).

        Raises:
            ValueError: the CRF is on, and there is no picture of the predictions' size.
        """
        # Whole pictures, each of its own size and at several scales.
        with without_cudnn_search():
            samples = super().predict(inputs, data_samples)
        params = self.test_cfg.crf_params
        if params is not None:
            for sample in samples:
                self._refine(sample, params)
        return samples

    def _scores(self, inputs: torch.Tensor) -> torch.Tensor:
        """One pass: (N, 3, H, W) -> (N, C, h, w)."""
        return self.decode_head(self.extract_feat(inputs))

    def _resize(self, maps: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        size = tuple(size)
        if tuple(maps.shape[2:]) == size:
            return maps
        return F.interpolate(maps, size, mode='bilinear', align_corners=self.align_corners)

    def _at_scale(self, inputs: torch.Tensor, scale: float) -> torch.Tensor:
        size = scaled_size(tuple(inputs.shape[2:]), scale, self.align_corners)
        return self._resize(inputs, size)

    def _targets(self, labels: torch.Tensor, logits: torch.Tensor) -> list[SegDataSample]:
        """Labels (N, 1, H, W) as the head takes them; it makes the scores as large as they are."""
        if self.train_cfg.loss_at == 'logits':
            labels = resize_labels(labels, tuple(logits.shape[2:]), self.align_corners)
        return [SegDataSample(gt_sem_seg=PixelData(data=label)) for label in labels]

    @staticmethod
    def _refine(sample: SegDataSample, params: CRFParams) -> None:
        path, image = sample.get('img_path'), sample.get('ori_img')
        if path is None and image is None:
            raise ValueError(
                'model.test_cfg.crf needs the original pictures: pass data samples with img_path '
                "(meta_keys of mmsegmentation's PackSegInputs)."
            )
        scores = sample.seg_logits.data
        if image is None:
            # As LoadLocImage and the masks have it: pixels as they are stored.
            image = mmcv.imfrombytes(get(path), flag='color_ignore_orientation')
        if image.shape[:2] != tuple(scores.shape[1:]):
            raise ValueError(
                f'{path or "the picture"} is {image.shape[1]}×{image.shape[0]} pixels, its '
                f'prediction {scores.shape[2]}×{scores.shape[1]}: model.test_cfg.crf needs them '
                'equal. Is ori_shape that of the file?'
            )
        refined = crf_probabilities(image, scores.float().softmax(0).cpu().numpy(), params)
        probabilities = torch.from_numpy(refined).to(scores.device)
        tiny = torch.finfo(probabilities.dtype).tiny
        sample.seg_logits = PixelData(data=probabilities.clamp_min(tiny).log())
        sample.pred_sem_seg = PixelData(data=probabilities.argmax(0, keepdim=True))
