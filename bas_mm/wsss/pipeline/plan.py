"""The steps from images with labels to a segmentor, as a pipeline's config has them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bas_mm.registry import DATASETS
from bas_mm.utils.config_datasets import evaluated_set, leaf_datasets
from bas_mm.utils.config_file import read_config
from bas_mm.utils.config_sections import runner_sections
from bas_mm.utils.config_types import registered_class, type_name
from bas_mm.utils.dense_crf import crf_library
from bas_mm.utils.similar_names import close_names
from bas_mm.wsss.plain_values import plain_values

from .class_lists import require_same_classes
from .counting_settings import settings_of_validation, settings_that_count
from .missing_inputs import files_of_weights
from .step import Step

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['KEYS', 'plan']

#: Keys of a pipeline's config, and what each is for.
KEYS = {
    'work_dir': 'folder of everything that is made',
    'cam': 'config of CAM for seeds',
    'bas': 'config of BAS-Seg',
    'irn': 'config of IRNet',
    'segmentor': 'config of the segmentor',
    'mask_key': "key of the segmentor's config that names the folder of masks",
    'bas_from_cam': "whether BAS-Seg starts from CAM's weights",
    'irn_from': "step whose network gives IRNet's backbone ('cam' or 'bas'); without it the "
    "config's own",
}

# In commands, for the folder of everything that is made.
_WORK_DIR = '{work_dir}'

# Keys of IRNet's config that its training is given.
_IRN_LABELS = 'train_dataloader.dataset.label_dir'
_IRN_BACKBONE = 'model.backbone.init_cfg.checkpoint'

# Keys of a config that training does not read.
_AFTER_TRAINING = (
    'seed_dataloader',
    'seed_cfg',
    'seed_evaluator',
    'irn_label_cfg',
    'mask_cfg',
    'test_dataloader',
    'test_evaluator',
    'test_cfg',
)


def plan(cfg: Config, work_dir: Path, seed: int | None = None) -> list[Step]:
    """All steps, in the order in which they run.

    Args:
        cfg (Config): A config with the :data:`KEYS`; paths of configs are relative to it.
        work_dir (Path): Folder of everything that is made.
        seed (int, optional): Seed of every training. Defaults to None: the configs'.

    Returns:
        list[Step]: The steps. Those that have nothing to compare with say so in ``left_out``: the
        evaluations where the data set of BAS-Seg's seeds names no folder of true masks, the test
        where the segmentor's config has no ``test_dataloader``.

    Raises:
        ValueError: A key is missing or unknown, a config does not exist, cannot be read or trains
            nothing, the segmentor's has no folder of masks at ``mask_key``, or the configs have the
            classes in several orders.
    """
    given = {key: cfg.get(key) for key in KEYS}
    own = {key for key in cfg if not key.startswith('_')} - set(KEYS) - {'default_scope'}
    if own:
        raise ValueError(f'{cfg.filename}: unknown keys {", ".join(sorted(own))}; {_list_keys()}')
    for key in ('cam', 'bas', 'irn', 'segmentor', 'mask_key'):
        if given[key] is None:
            raise ValueError(f'{cfg.filename} has no {key}; {_list_keys()}')
    if given['irn_from'] not in (None, 'cam', 'bas'):
        raise ValueError(f"{cfg.filename}: irn_from={given['irn_from']!r}: give 'cam' or 'bas'")
    return _Plan(given, Path(cfg.filename).parent, work_dir, seed).steps()


def _list_keys() -> str:
    return 'the keys are ' + '; '.join(f'{key}: {what}' for key, what in KEYS.items())


class _Plan:
    """Puts the commands together."""

    def __init__(
        self,
        given: Mapping[str, Any],
        base: Path,
        work_dir: Path,
        seed: int | None,
    ) -> None:
        self.given, self.seed = given, seed
        #: Placeholders of the commands, and what they stand for.
        self.places = {_WORK_DIR: str(work_dir)}
        loaded = {}
        for key in ('cam', 'bas', 'irn', 'segmentor'):
            path = (base / given[key]).resolve()
            if not path.is_file():
                raise ValueError(f'{key}={given[key]!r}: there is no config {path}')
            self.places[_config(key)] = str(path)
            loaded[key] = read_config(path)
            if loaded[key].get('train_dataloader') is None:
                raise ValueError(f'{key}={given[key]!r}: the config {path} has no train_dataloader')
        self.loaded = loaded
        _require_mask_key(given['mask_key'], loaded['segmentor'], self.places[_config('segmentor')])
        require_same_classes(loaded)

    def steps(self) -> list[Step]:
        cam, bas = self.train('cam', 'CAM'), self.train('bas', 'BAS-Seg')
        first = [cam, bas] if self.given['bas_from_cam'] else [bas, cam]
        return [
            *first,
            self.seeds('cam'),
            self.seeds('bas'),
            self.fuse(),
            self.evaluate_seeds(),
            self.irn_labels(),
            self.train('irn', 'IRNet'),
            self.masks(),
            self.evaluate_masks(),
            self.train('segmentor', 'the segmentor'),
            self.test(),
        ]

    def only(self, key: str, *names: str) -> dict[str, Any]:
        """The settings of a config that a step reads: with others it would do the same."""
        return {name: self.loaded[key].get(name) for name in names}

    def all_but(self, key: str, *names: str) -> dict[str, Any]:
        """All settings of a training's config but those that it does not read.

        What runners do not look at are the variables of the config's file.
        """
        read = runner_sections() - set(names)
        return {k: v for k, v in self.loaded[key].items() if k in read}

    def step(
        self,
        name: str,
        what: str,
        commands: Sequence[Sequence[str]],
        outputs: Sequence[str],
        needs: Sequence[str] = (),
        read: Mapping[str, Any] | None = None,
        replaced: Collection[str] = (),
        **kwargs: Any,
    ) -> Step:
        """A step of commands and outputs with placeholders.

        Args:
            name, what, commands, outputs, needs, **kwargs: As :class:`Step` has them.
            read (Mapping, optional): The settings that it reads. Defaults to None: none.
            replaced (Collection[str]): Keys of those that it does not read nevertheless, such as
                those in whose place the commands give others.
        """
        return Step(
            name,
            what,
            tuple(map(self.fill_in_command, commands)),
            tuple(Path(self.fill_in(output)) for output in outputs),
            tuple(needs),
            settings_that_count(_plain(read or {}), replaced),
            form=tuple(map(tuple, commands)),
            **kwargs,
        )

    def fill_in(self, text: str) -> str:
        """A text with what its placeholders stand for."""
        for name, path in self.places.items():
            text = text.replace(name, path)
        return text

    def fill_in_command(self, command: Sequence[str]) -> tuple[str, ...]:
        """A command with what its placeholders stand for.

        Folders in ``--cfg-options`` are absolute: data sets take others below their ``data_root``.
        """
        start = command.index('--cfg-options') + 1 if '--cfg-options' in command else len(command)
        filled = [self.fill_in(part) for part in command[:start]]
        for option in command[start:]:
            key, value = option.split('=', maxsplit=1)
            text = self.fill_in(value)
            if value.startswith(_WORK_DIR):
                text = os.path.abspath(text)
            filled.append(f'{key}={_quote(text)}')
        return tuple(filled)

    def train(self, key: str, what: str) -> Step:
        options, needs = {}, []
        if self.seed is not None:
            options['randomness.seed'] = str(self.seed)
        if key == 'bas' and self.given['bas_from_cam']:
            options['load_from'] = _checkpoint('cam')
            needs = ['cam']
        if key == 'irn':
            options[_IRN_LABELS] = _folder('irn_labels')
            needs = ['irn_labels']
            if self.given['irn_from'] is not None:
                source = self.given['irn_from']
                options[_IRN_BACKBONE] = _checkpoint(source)
                needs.append(source)
        if key == 'segmentor':
            options[self.given['mask_key']] = _folder('masks')
            needs = ['masks']
        # Masks are read where they are compared with.
        segments = key == 'segmentor'
        folder = _folder(key)
        command = ['train.py', _config(key), '--work-dir', folder]
        if options:
            command += ['--cfg-options', *(f'{name}={value}' for name, value in options.items())]
        return self.step(
            key,
            f'train {what}',
            [command],
            [folder],
            needs,
            self.all_but(key, *_AFTER_TRAINING),
            replaced=(*options, *settings_of_validation(self.loaded[key])),
            resumable_training=True,
            distributed=True,
            # None where a batch_sampler has it.
            batch=self.loaded[key].train_dataloader.get('batch_size'),
            require=self.crf_of_segmentor() if segments and self.validates(key) else None,
            reads=(
                # The masks are made by a step, as IRNet's labels are.
                (self.dataset(key, 'train_dataloader'), False),
                *([(self.dataset(key, 'val_dataloader'), segments)] if self.validates(key) else []),
            ),
            weights=files_of_weights(self.loaded[key], options),
            writes=_checkpoint_name(self.loaded[key]),
        )

    def seeds(self, key: str) -> Step:
        name = f'{key}_seeds'
        command = [
            'wsss/make_seeds.py',
            _config(key),
            _checkpoint(key),
            _folder(name),
            '--work-dir',
            _folder(f'logs/{name}'),
        ]
        what = f'make seeds by {"CAM" if key == "cam" else "BAS-Seg"}'
        read = self.only(key, 'model', 'seed_dataloader', 'seed_cfg')
        return self.step(
            *(name, what, [command], [_folder(name)], [key], read),
            distributed=True,
            reads=((self.dataset(key, 'seed_dataloader'), False),),
        )

    def fuse(self) -> Step:
        needs = 'bas_seeds', 'cam_seeds'
        out = _folder('fused_seeds')
        command = ['wsss/fuse_seeds.py', *map(_folder, needs), out]
        return self.step('fused_seeds', 'fuse them', [command], [out], needs, has_workers=True)

    def evaluate_seeds(self) -> Step:
        kinds = 'cam_seeds', 'bas_seeds', 'fused_seeds'
        files = [_folder(f'figures/{kind}.json') for kind in kinds]
        commands = [
            ['wsss/eval_seeds.py', _config('bas'), _folder(kind), '--out', file]
            for kind, file in zip(kinds, files)
        ]
        read = self.only('bas', 'seed_dataloader', 'seed_evaluator')
        what = 'evaluate the seeds'
        return self.step(
            *('eval_seeds', what, commands, files, kinds, read),
            has_workers=True,
            reads=((evaluated_set(self.loaded['bas']), True),),
            left_out=self.without_truth(),
        )

    def irn_labels(self) -> Step:
        out, seeds = _folder('irn_labels'), _folder('fused_seeds')
        command = ['wsss/make_irn_labels.py', _config('bas'), seeds, out]
        what = "make IRNet's labels"
        read = self.only('bas', 'seed_dataloader', 'irn_label_cfg')
        needs = ['fused_seeds']
        return self.step(
            *('irn_labels', what, [command], [out], needs, read),
            has_workers=True,
            require=crf_library,
            reads=((self.dataset('bas', 'seed_dataloader'), False),),
        )

    def masks(self) -> Step:
        out = _folder('masks')
        command = [
            'wsss/make_masks.py',
            _config('irn'),
            _checkpoint('irn'),
            _folder('fused_seeds'),
            out,
            '--work-dir',
            _folder('logs/masks'),
        ]
        needs = 'irn', 'fused_seeds'
        what = 'make the masks'
        read = self.only('irn', 'model', 'train_dataloader', 'mask_cfg')
        # The masks' command reads neither.
        no = _IRN_LABELS, _IRN_BACKBONE
        return self.step(
            *('masks', what, [command], [out], needs, read, no),
            distributed=True,
            reads=((self.dataset('irn', 'train_dataloader'), False),),
        )

    def evaluate_masks(self) -> Step:
        file = _folder('figures/masks.json')
        command = ['wsss/eval_masks.py', _config('bas'), _folder('masks'), '--out', file]
        what = 'evaluate the masks'
        read = self.only('bas', 'seed_dataloader', 'seed_evaluator')
        return self.step(
            *('eval_masks', what, [command], [file], ['masks'], read),
            has_workers=True,
            reads=((evaluated_set(self.loaded['bas']), True),),
            left_out=self.without_truth(),
        )

    def test(self) -> Step:
        file = _folder('figures/segmentor.json')
        command = [
            'test.py',
            _config('segmentor'),
            _checkpoint('segmentor'),
            '--work-dir',
            _folder('logs/test'),
            '--out',
            file,
        ]
        what = 'test the segmentor'
        needs = ['segmentor']
        read = self.only('segmentor', 'model', 'test_dataloader', 'test_evaluator', 'test_cfg')
        return self.step(
            *('test', what, [command], [file], needs, read),
            distributed=True,
            require=self.crf_of_segmentor(),
            reads=((self.dataset('segmentor', 'test_dataloader'), True),),
            left_out=''
            if self.loaded['segmentor'].get('test_dataloader') is not None
            else f'for {self.given["segmentor"]} has no test_dataloader',
        )

    def without_truth(self) -> str:
        """That seeds and masks have nothing to be compared with, or ''."""
        if _names_true_masks(self.loaded['bas']):
            return ''
        return f'for the data set of {self.given["bas"]} has no data_prefix.seg_map_path'

    def validates(self, key: str) -> bool:
        """Whether a training predicts."""
        return self.loaded[key].get('val_cfg') is not None

    def dataset(self, key: str, loader: str) -> Mapping | None:
        """The config of a data set."""
        return (self.loaded[key].get(loader) or {}).get('dataset')

    def crf_of_segmentor(self) -> Callable[[], object] | None:
        """What raises where the segmentor refines its predictions and the library is not there."""
        model = self.loaded['segmentor'].get('model') or {}
        if type_name(model) != 'MultiScaleEncoderDecoder':
            return None
        return None if (model.get('test_cfg') or {}).get('crf') is None else crf_library


def _names_true_masks(cfg: Config) -> bool:
    """Whether a config says that its pictures have true masks.

    It says so unless its data set, or each of those that it joins, is one of ours that names no
    folder of them. Whether the folder is there is another matter.

    Args:
        cfg (Config): The config.
    """
    # Here, as it takes time: what is wrong with the pipeline's own config is said before.
    from bas_mm.datasets import BaseMultiLabelDataset

    sets = leaf_datasets(evaluated_set(cfg))
    kinds = [(registered_class(DATASETS, own), own) for own in sets]
    return not kinds or any(
        kind is None or not issubclass(kind, BaseMultiLabelDataset) or kind.names_masks(own)
        for kind, own in kinds
    )


def _require_mask_key(key: Any, cfg: Config, path: str) -> None:
    """Raise unless a training reads the key: by an unknown one it would have the true masks.

    Args:
        key (Any): ``mask_key``.
        cfg (Config): The segmentor's config.
        path (str): Its file, for the message.
    """
    names = key.split('.') if isinstance(key, str) else []
    found = dict(cfg.items())
    for name in names:
        if isinstance(found, list | tuple) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            names = []
            break
    if names[:1] == ['train_dataloader'] and not isinstance(found, Mapping | list | tuple):
        return
    there = list(_leaves(cfg['train_dataloader'], 'train_dataloader'))
    like = close_names(str(key), there)
    said = f'like it are {", ".join(like)}' if like else f'there are {", ".join(there)}'
    raise ValueError(
        f'mask_key={key!r} names no value of train_dataloader in the config {path}, where {said}; '
        'if its data set takes the folder by a key that is not written there, write it there, with '
        'any folder'
    )


def _leaves(settings: Any, path: str) -> Iterator[str]:
    """The keys of what is neither a dictionary nor, unless it is of dictionaries, a list."""
    if isinstance(settings, Mapping):
        pairs = settings.items()
    elif isinstance(settings, list | tuple) and any(isinstance(v, Mapping) for v in settings):
        pairs = enumerate(settings)
    else:
        yield path
        return
    for name, value in pairs:
        if name not in ('pipeline', 'type'):
            yield from _leaves(value, f'{path}.{name}')


def _quote(text: str) -> str:
    """A text as a value of ``--cfg-options``, where a bare comma would make it a list."""
    if ',' not in text:
        return text
    mark = next((mark for mark in '"\'' if mark not in text), None)
    if mark is None:
        raise ValueError(f'{text}: a path with a comma and quotes of both kinds: choose another')
    return f'{mark}{text}{mark}'


def _folder(name: str) -> str:
    return f'{_WORK_DIR}/{name}'


def _config(key: str) -> str:
    return f'{{config:{key}}}'


def _checkpoint(key: str) -> str:
    return f'{{checkpoint:{_folder(key)}}}'


def _checkpoint_name(cfg: Config) -> str:
    """What the config's CheckpointHook calls its files, N for the number."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    by_epoch = hook.get('by_epoch', True)
    name = hook.get('filename_tmpl') or ('epoch_{}.pth' if by_epoch else 'iter_{}.pth')
    return re.sub(r'\{.*?\}', 'N', name)


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as a state file gives them back."""
    return json.loads(json.dumps(plain_values(settings), sort_keys=True))
