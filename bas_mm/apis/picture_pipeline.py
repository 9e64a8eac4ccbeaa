"""A config's pipeline for pictures that belong to no data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmcv.transforms import LoadImageFromFile

from bas_mm.datasets import UnreadableImageError
from bas_mm.datasets.transforms.load_resized_image import LoadResizedImage
from bas_mm.datasets.transforms.view_tracking import is_view_known
from bas_mm.registry import TRANSFORMS
from bas_mm.utils.config_datasets import pipeline_of_config

from .picture_input import PictureInput

__all__ = ['PicturePipeline']


class PicturePipeline:
    """Reads a picture and makes the network's view of it.

    Pictures of data sets are read as their pixels are stored, because their boxes were taken from
    these. Here nothing is known but the picture: it is turned as the orientation noted in its file
    says, and a cache of resized pictures is not used.

    Args:
        transforms (Sequence[dict]): The pipeline of a config. Its first transform reads the
            picture, later ones called ``Load...`` read the truth and are left out.
        key (str): Where it is in the config, for messages.
        tracked (bool): Whether the view must know where in the picture it lies. Defaults to False.

    Raises:
        ValueError: The first transform does not read a picture.
    """

    def __init__(self, transforms: Sequence[dict], key: str, tracked: bool = False) -> None:
        built = [TRANSFORMS.build(transform) for transform in transforms]
        if built and isinstance(built[0], LoadResizedImage):
            built[:1] = [built[0].load, built[0].resize]
        if not built or not isinstance(built[0], LoadImageFromFile):
            raise ValueError(
                f'{key} must begin with LoadLocImage, LoadResizedImage or another '
                'LoadImageFromFile, got '
                f'{type(built[0]).__name__ if built else "nothing"}'
            )
        self.loader = built[0]
        self.loader.color_type = self.loader.color_type.removesuffix('_ignore_orientation')
        if self.loader.imdecode_backend == 'turbojpeg':  # which knows no orientation
            self.loader.imdecode_backend = 'cv2'
        self.transforms = [t for t in built[1:] if not type(t).__name__.startswith('Load')]
        self.key = key
        self.tracked = tracked

    @classmethod
    def of_config(cls, cfg: Any, loader: str, **kwargs: Any) -> PicturePipeline:
        """The pipeline of one of a config's data loaders.

        Args:
            cfg (Config): The config.
            loader (str): Its key, such as ``test_dataloader``.
            **kwargs: Further arguments.

        Raises:
            ValueError: There is no pipeline.
        """
        pipeline = pipeline_of_config(cfg, loader)
        if pipeline is None:
            raise ValueError(f'the config has no {loader} with a dataset.pipeline')
        return cls(pipeline, f'{loader}.dataset.pipeline', **kwargs)

    def load(self, picture: PictureInput) -> dict[str, Any]:
        """Read a picture.

        Returns:
            dict[str, Any]: ``img`` (H, W, 3), BGR, ``img_shape``, ``ori_shape``, ``img_path``.

        Raises:
            UnreadableImageError: The file cannot be read; the message names it.
        """
        if not isinstance(picture.source, str):
            size, name = picture.source.shape[:2], f'picture {picture.image}'
            return dict(img=picture.source, img_shape=size, ori_shape=size, img_path=name)
        try:
            return self.loader(dict(img_path=picture.source))
        except UnreadableImageError:
            raise
        except Exception as error:
            # Backends and decoders have errors of their own.
            reason = f'{type(error).__name__}: {error}'
            raise UnreadableImageError.of(picture.source, reason) from error

    def view(self, results: dict[str, Any]) -> dict[str, Any]:
        """Make the view of a picture that was read.

        Args:
            results (dict): Of :meth:`load`; it is not changed.

        Returns:
            dict[str, Any]: ``inputs`` and ``data_samples``.

        Raises:
            ValueError: A transform does not fit the picture, or the view does not know its place.
        """
        results = dict(results)
        for transform in self.transforms:
            results = transform(results)
            if self.tracked and results.get('img') is not None:
                self._require_known_view(results, transform)
        return results

    def _require_known_view(self, results: dict[str, Any], transform: Any) -> None:
        shape = results['img'].shape
        # Of several crops the first axis is their number.
        if not is_view_known(results, shape[:2] if len(shape) < 4 else shape[1:3]):
            raise ValueError(
                f'{self.key}: {type(transform).__name__} changes the size of pictures without '
                'saying where the view lies in them, so that boxes would not find back: take '
                'LocResize, LocCenterCrop and the like, or let it call follow_view'
            )
