"""What the inferencers share."""

from __future__ import annotations

import fnmatch
import operator
import warnings
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import default_collate
from mmengine.infer import BaseInferencer
from mmengine.registry import DefaultScope
from rich.console import Console
from torch import nn

from bas_mm.datasets import UnreadableImageError
from bas_mm.registry import MODELS
from bas_mm.utils.bounded_threads import BoundedThreads
from bas_mm.utils.class_names import class_indices, require_same_order
from bas_mm.utils.config_datasets import known_classes
from bas_mm.utils.config_file import read_config
from bas_mm.utils.config_model import build_model, scope_of
from bas_mm.utils.named_configs import config_names, find_config
from bas_mm.utils.picture_progress import PictureProgress
from bas_mm.utils.similar_names import close_names
from bas_mm.visualization.functional import DRAWN_SIDE

from .call_settings import CallSettings
from .checkpoints import fill_model, read_checkpoint
from .picture_input import Inputs, PictureInput, list_pictures
from .prediction_folder import PredictionFolder

__all__ = ['BUILDING', 'LoadedPicture', 'PictureInferencer', 'shrink']

# Threads that read pictures while the network works.
_READERS = 2
# Threads that draw and write, likewise.
_WRITERS = 2
#: The scope that names of a config are looked up in is one for all threads.
BUILDING = RLock()


class LoadedPicture(NamedTuple):
    """A picture that was read.

    Attributes:
        picture (PictureInput): Where it came from.
        position (int): Its place in the input.
        image (np.ndarray): (H, W, 3), BGR, as it was read.
        views (Any): What the network shall see of it.
        wanted (Any): What the caller wants localized, None for what the network finds.
    """

    picture: PictureInput
    position: int
    image: np.ndarray
    views: Any
    wanted: Any


class PictureInferencer(BaseInferencer):
    """mmengine's inferencer for pictures, which keeps no more than it is asked to keep.

    Pictures are read, and what was found is drawn and written, by threads while the network works;
    few wait for it, so that a folder of any size needs the memory of some pictures.

    Several threads may call one inferencer at the same time, each with arguments of its own, and
    make inferencers. Not with ``show``, as windows belong to the main thread, and not while the
    model is moved or trained, or another thread builds something else from a config: mmengine has
    one default scope for all of them.

    Attributes:
        progress_console (Console | None): The terminal of the bar, for what is printed above it.
            None: stderr.

    Args:
        config_or_name (str | Path | Config, optional): A config; its file; or the name of one of
            bas_mm's (:func:`~bas_mm.apis.config_names`), such as ``bas_resnet50_cub``. Defaults to
            None: the config that the checkpoint was trained with, which runners note in it.
        weights (str | Path, optional): Path or URL of a checkpoint. It must be given, for bas_mm
            publishes none, and it must hold every weight of the model. Reading one may run code
            that is in it.
        device (str | torch.device, optional): Defaults to None: an accelerator where there is one.
        classes (Sequence[str], optional): Names of the classes. Defaults to None: those noted in
            the checkpoint, else those of the config's data set, else numbers. Names that the
            checkpoint has in another order are refused.
        show_progress (bool): Whether a bar is shown on a terminal. Defaults to True.

    Raises:
        FileNotFoundError: There is no such config or checkpoint.
        ValueError: No weights are given, the checkpoint does not fit the model, the config has
            another kind of model, or something cannot be read.
    """

    #: Models that will do.
    MODEL: ClassVar[type[nn.Module]]
    #: What to do with others.
    ADVICE: ClassVar[str]

    progress_console: Console | None = None

    def __init__(
        self,
        config_or_name: str | Path | Config | None = None,
        weights: str | Path | None = None,
        device: str | torch.device | None = None,
        *,
        classes: Sequence[str] | None = None,
        show_progress: bool = True,
    ) -> None:
        if weights is None:
            raise ValueError(
                f'{type(self).__name__} needs weights: the path or URL of a checkpoint. bas_mm '
                'publishes none; tools/train.py makes one, published ones are converted by '
                'tools/model_converters'
            )
        cfg = config_or_name
        if isinstance(cfg, (str, Path)):
            cfg = read_config(find_config(cfg))
        self._given_classes = _names_of_caller(classes)
        # Random weights are made on the CPU, and all of them replaced.
        with BUILDING, torch.random.fork_rng(devices=[]):
            super().__init__(cfg, str(weights), device, 'bas_mm', show_progress)

    def _init_model(self, cfg: Config | ConfigDict, weights: str, device: Any) -> nn.Module:
        """Build the model, and fill it with all its weights."""
        checkpoint = read_checkpoint(weights)
        if not cfg:
            cfg.update(_config_of(checkpoint, weights)._cfg_dict)
        if cfg.get('model') is None:
            raise ValueError('the config has no model')
        self._prepare_config(cfg)
        self.scope = scope_of(cfg)
        self._require_known(cfg.model)
        model = build_model(cfg)
        if not isinstance(model, self.MODEL):
            raise ValueError(
                f'{type(self).__name__} cannot use the model {type(model).__name__}: {self.ADVICE}'
            )
        with DefaultScope.overwrite_default_scope(self.scope):
            self.classes = self._class_names(cfg, checkpoint, self._num_classes(model))
        self._load_weights(model, checkpoint, weights)
        try:
            model.to(device)
        except (RuntimeError, AssertionError) as error:  # torch has both
            line = str(error).partition('\n')[0]
            raise ValueError(f'the device {device} cannot be used: {line}') from error
        return model.eval()

    @staticmethod
    def _num_classes(model: nn.Module) -> int:
        return model.head.num_classes

    def _require_known(self, model: dict) -> None:
        """Refuse a model that is not here, such as a detector without its package."""
        # The registry that a build takes: mmseg's where the config's scope is mmseg.
        with MODELS.switch_scope_and_registry(self.scope) as registry:
            kind = model.get('type')
            if isinstance(kind, str) and registry.get(kind) is None:
                raise ValueError(
                    f'there is no model {kind}: its package is not installed, or custom_imports '
                    'does not name its module'
                )

    def _prepare_config(self, cfg: Config | ConfigDict) -> None:
        """Change the config before anything is built from it."""

    @staticmethod
    def _load_weights(model: nn.Module, checkpoint: dict, weights: str) -> None:
        unknown = fill_model(model, checkpoint, weights)
        if unknown:
            warnings.warn(
                f'{len(unknown)} entries of {weights} are not in the model, such as {unknown[0]}',
                stacklevel=2,
            )

    def _class_names(
        self, cfg: Config | ConfigDict, checkpoint: dict, count: int
    ) -> tuple[str, ...]:
        names, noted = known_classes(cfg, checkpoint, count)
        if self._given_classes:
            if noted:
                require_same_order(
                    *(self._given_classes, 'classes='),
                    *(names, 'the training set of the checkpoint'),
                    'give other names in that order, or leave classes= out',
                )
            names, noted = self._given_classes, False
        names = tuple(names or map(str, range(count)))
        if len(names) != count:
            shown = ', '.join(names[:3]) + (' ...' if len(names) > 3 else '')
            if noted:
                raise ValueError(
                    f'the checkpoint was trained with {len(names)} classes ({shown}), but the '
                    f'model of the config has {count}: give the config that it was trained with, '
                    'or None for the one noted in it'
                )
            raise ValueError(
                f'there are {len(names)} names of classes ({shown}), but the model has {count} '
                'classes: give classes='
            )
        return names

    def _init_collate(self, cfg: Config | ConfigDict) -> Callable:
        """Views of one size are stacked."""
        return default_collate

    def _init_visualizer(self, cfg: Config | ConfigDict) -> None:
        """None: whoever needs one makes it."""

    def _inputs_to_list(self, inputs: Inputs) -> list[PictureInput]:
        return list_pictures(inputs)

    @staticmethod
    def list_models(pattern: str = '*') -> list[str]:
        """Names of bas_mm's configs, of all kinds, that match a pattern such as ``'bas_*_cub'``."""
        return fnmatch.filter(sorted(config_names()), pattern)

    def class_index(self, label: int | str) -> int:
        """The index of a class.

        Args:
            label (int | str): Index, or name, in which ``_`` may stand for a space. A name of
                digits alone is an index where no class is called so.

        Raises:
            ValueError: There is no such class.
        """
        count = len(self.classes)
        if isinstance(label, str):
            indices = class_indices(self.classes)
            if label in indices:
                return indices[label]
            if not label.isdecimal():
                similar = close_names(label, self.classes, cutoff=0.7) or self.classes[:3]
                raise ValueError(
                    f'there is no class {label!r} among the {count} of the model; there is '
                    f'{", ".join(similar)}'
                )
        try:
            # Whole numbers of Python, NumPy and torch; int() would take 1.9 as well.
            index = int(label) if isinstance(label, str) else operator.index(label)
        except TypeError:
            index = None
        if index is None or isinstance(label, bool):
            raise ValueError(f'a class is an index or a name, got {label!r}')
        if not 0 <= index < count:
            raise ValueError(f'there is no class {index}, only 0 to {count - 1}')
        return index

    @abstractmethod
    def read(self, position: int, picture: PictureInput, wanted: Any) -> LoadedPicture:
        """Read a picture and make its views; called in threads.

        Raises:
            UnreadableImageError: It cannot be read.
        """

    @abstractmethod
    def forward(self, batch: Sequence[LoadedPicture], **kwargs: Any) -> list[Any]:
        """What the network says of each picture of a batch."""

    @abstractmethod
    def visualize(self, loaded: LoadedPicture, prediction: Any) -> np.ndarray:
        """A drawing of a prediction, (H', W', 3) uint8, RGB; called in threads."""

    def batch_key(self, loaded: LoadedPicture) -> Any:
        """Pictures of one key may be in a batch: those whose views are of one size."""
        return loaded.views['inputs'].shape

    def preprocess(
        self,
        inputs: Sequence[PictureInput],
        batch_size: int = 1,
        wanted: Sequence[Any] | None = None,
        unreadable: list[dict[str, Any]] | None = None,
    ) -> Iterator[list[LoadedPicture]]:
        """Read pictures ahead, and put neighbours whose views are of one size into batches.

        Args:
            inputs (Sequence[PictureInput]): The pictures.
            batch_size (int): At most so many in a batch. Defaults to 1.
            wanted (Sequence, optional): What is wanted of each. Defaults to None.
            unreadable (list, optional): Takes ``image`` and ``error`` of pictures that cannot be
                read. Defaults to None: such a picture is an error.

        Raises:
            UnreadableImageError: A picture cannot be read; the message names it.
        """
        batch: list[LoadedPicture] = []
        ahead, skip = batch_size + _READERS, unreadable is not None
        for loaded in self._read_ahead(inputs, ahead, wanted, skip):
            if isinstance(loaded, dict):
                unreadable.append(loaded)
                continue
            if batch and self.batch_key(loaded) != self.batch_key(batch[0]):
                yield batch
                batch = []
            batch.append(loaded)
            if len(batch) == batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _read_ahead(
        self,
        pictures: Sequence[PictureInput],
        ahead: int,
        wanted: Sequence[Any] | None,
        skip_unreadable: bool,
    ) -> Iterator[LoadedPicture | dict[str, str]]:
        def read(position: int, picture: PictureInput) -> LoadedPicture | dict[str, str]:
            try:
                return self.read(position, picture, None if wanted is None else wanted[position])
            except UnreadableImageError as error:
                if skip_unreadable:
                    return {'image': picture.image, 'error': str(error)}
                raise UnreadableImageError(
                    f'{error}. Take it out, or go on without such pictures by skip_unreadable'
                ) from error

        with BoundedThreads(_READERS, ahead) as readers:
            for position, picture in enumerate(pictures):
                readers.submit(read, position, picture)
                # One for one, even where more are read: those are for when the network works.
                if position >= ahead:
                    yield next(readers.finished())
            yield from readers.finished(everything=True)

    def _run(
        self,
        pictures: Sequence[PictureInput],
        wanted: Sequence[Any] | None,
        forward: Callable[[Sequence[LoadedPicture]], Sequence[Any]],
        finish: Callable[[Any, str, PredictionFolder | None], None],
        settings: CallSettings,
    ) -> dict[str, Any]:
        """The work of a call.

        Args:
            pictures: The pictures.
            wanted: What is wanted of each, see :meth:`preprocess`.
            forward: From a batch to its predictions.
            finish: Writes arrays of a prediction, which has this name in the folder, and drops
                those that are not returned; called in threads.
            settings: The rest.
        """
        predictions, drawings, unreadable = [], [], []
        batches = self.preprocess(
            pictures,
            settings.batch_size,
            wanted,
            unreadable if settings.skip_unreadable else None,
        )
        folder = None if settings.out_dir is None else PredictionFolder(settings.out_dir)
        if settings.save_pred:
            folder.write_predictions()  # in the place of those of an earlier run
        progress = PictureProgress(
            'Inference',
            len(pictures),
            say=lambda line: None,
            show=self.show_progress,
            console=self.progress_console,
        )

        def draw_and_write(loaded: LoadedPicture, prediction: Any) -> tuple:
            name, drawing = loaded.picture.name, None
            if settings.draws:
                drawing = self.visualize(loaded, prediction)
                if settings.save_vis:
                    prediction.files['vis'] = folder.write_picture('vis', name, drawing)
                if not (settings.show or settings.return_vis):
                    drawing = None
            finish(prediction, name, folder)
            return loaded.position, name, prediction, drawing

        def take(position: int, name: str, prediction: Any, drawing: np.ndarray | None) -> None:
            predictions.append(prediction)
            if settings.show:
                self._show(drawing, name, settings.wait_time)
            if settings.return_vis:
                drawings.append(drawing)
            if settings.on_prediction is not None:
                settings.on_prediction(prediction)
            progress.advance(position + 1 - progress.done)

        complete = False
        try:
            # Closing ends the readers at once where something goes wrong.
            with progress, closing(batches), BoundedThreads(_WRITERS) as threads:
                try:
                    for batch in batches:
                        for loaded, prediction in zip(batch, forward(batch)):
                            threads.submit(draw_and_write, loaded, prediction)
                            for done in threads.finished():
                                take(*done)
                finally:
                    for done in threads.finished(everything=True):
                        take(*done)
                progress.advance(len(pictures) - progress.done)
            complete = True
        finally:
            if settings.save_pred:
                folder.write_predictions([p.to_dict() for p in predictions], unreadable, complete)
        return self.postprocess(predictions, drawings if settings.return_vis else None, unreadable)

    def postprocess(
        self,
        preds: Sequence[Any],
        visualization: list[np.ndarray] | None,
        unreadable: Sequence[dict[str, Any]] = (),
    ) -> dict[str, Any]:
        """What a call returns."""
        return dict(
            predictions=list(preds), visualization=visualization, unreadable=list(unreadable)
        )

    def _show(self, drawing: np.ndarray, name: str, wait_time: float) -> None:
        from mmengine.visualization import Visualizer

        if self.visualizer is None:
            self.visualizer = Visualizer()
        self.visualizer.show(drawing, win_name=name, wait_time=wait_time)


def shrink(image: np.ndarray) -> np.ndarray:
    """A picture for drawing: (H, W, 3) to uint8, its longer side at most DRAWN_SIDE."""
    image = np.ascontiguousarray(image, dtype=np.uint8)
    height, width = image.shape[:2]
    factor = DRAWN_SIDE / max(height, width)
    if factor >= 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _names_of_caller(classes: Sequence[str] | None) -> tuple[str, ...] | None:
    """The names of classes that were given, each of which must stand for one class."""
    if classes is None:
        return None
    if isinstance(classes, (str, set, frozenset, Mapping)):
        raise ValueError(f'classes must be a list of names, got {type(classes).__name__}')
    names = tuple(map(str, classes))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f'classes has {twice[0]!r} more than once: each needs a name of its own')
    return names


def _config_of(checkpoint: dict, weights: str) -> Config:
    """The config that a runner has noted in a checkpoint."""
    noted = (checkpoint.get('meta') or {}).get('cfg')
    noted = noted or (checkpoint.get('message_hub') or {}).get('runtime_info', {}).get('cfg')
    if not isinstance(noted, str):
        raise ValueError(f'no config is noted in {weights}: give one')
    return Config.fromstring(noted, file_format='.py')
