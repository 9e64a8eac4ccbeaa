"""The steps from images with labels to a segmentor, as a pipeline's config has them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        list[Step]: The steps.

    Raises:
        ValueError: A key is missing or unknown, or a config does not exist.
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
        self.given, self.work_dir, self.seed = given, work_dir, seed
        self.configs = {}
        for key in ('cam', 'bas', 'irn', 'segmentor'):
            path = (base / given[key]).resolve()
            if not path.is_file():
                raise ValueError(f'{key}={given[key]!r}: there is no config {path}')
            self.configs[key] = str(path)
        loaded = {key: _load(path) for key, path in self.configs.items()}
        self.loaded = loaded
        self.batches = {key: config.train_dataloader.batch_size for key, config in loaded.items()}

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

    def only(self, key: str, *names: str) -> str:
        """The settings of a config that a step reads: with others it would do the same."""
        return _text({name: self.loaded[key].get(name) for name in names})

    def all_but(self, key: str, *names: str) -> str:
        """All settings of a config but those that a step does not read."""
        return _text({k: v for k, v in self.loaded[key].items() if k not in names})

    def folder(self, name: str) -> Path:
        return self.work_dir / name

    def checkpoint(self, key: str) -> str:
        return f'{{checkpoint:{self.folder(key)}}}'

    def train(self, key: str, what: str) -> Step:
        options, needs = [], []
        if self.seed is not None:
            options.append(f'randomness.seed={self.seed}')
        if key == 'bas' and self.given['bas_from_cam']:
            options.append(f'load_from={self.checkpoint("cam")}')
            needs = ['cam']
        if key == 'irn':
            options.append(f'train_dataloader.dataset.label_dir={self.folder("irn_labels")}')
            needs = ['irn_labels']
            if self.given['irn_from'] is not None:
                source = self.given['irn_from']
                options.append(f'model.backbone.init_cfg.checkpoint={self.checkpoint(source)}')
                needs.append(source)
        if key == 'segmentor':
            options.append(f'{self.given["mask_key"]}={self.folder("masks")}')
            needs = ['masks']
        folder = self.folder(key)
        command = ['train.py', self.configs[key], '--work-dir', str(folder)]
        if options:
            command += ['--cfg-options', *options]
        return Step(
            key,
            f'train {what}',
            (tuple(command),),
            (folder,),
            tuple(needs),
            self.all_but(key, *_AFTER_TRAINING),
            resumable_training=True,
            distributed=True,
            batch=self.batches[key],
        )

    def seeds(self, key: str) -> Step:
        out = self.folder(f'{key}_seeds')
        command = (
            'wsss/make_seeds.py',
            self.configs[key],
            self.checkpoint(key),
            str(out),
            '--work-dir',
            str(self.folder('logs') / out.name),
        )
        what = f'make seeds by {"CAM" if key == "cam" else "BAS-Seg"}'
        text = self.only(key, 'model', 'seed_dataloader', 'seed_cfg')
        return Step(out.name, what, (command,), (out,), (key,), text, distributed=True)

    def fuse(self) -> Step:
        out = self.folder('fused_seeds')
        parts = [str(self.folder(name)) for name in ('bas_seeds', 'cam_seeds')]
        command = ('wsss/fuse_seeds.py', *parts, str(out))
        return Step(out.name, 'fuse them', (command,), (out,), ('bas_seeds', 'cam_seeds'))

    def evaluate_seeds(self) -> Step:
        kinds = ('cam_seeds', 'bas_seeds', 'fused_seeds')
        files = tuple(self.folder('figures') / f'{kind}.json' for kind in kinds)
        commands = tuple(
            (
                'wsss/eval_seeds.py',
                self.configs['bas'],
                str(self.folder(kind)),
                '--out',
                str(file),
            )
            for kind, file in zip(kinds, files)
        )
        text = self.only('bas', 'seed_dataloader', 'seed_evaluator')
        return Step(
            'eval_seeds', 'evaluate the seeds', commands, files, kinds, text, has_workers=True
        )

    def irn_labels(self) -> Step:
        out = self.folder('irn_labels')
        command = (
            'wsss/make_irn_labels.py',
            self.configs['bas'],
            str(self.folder('fused_seeds')),
            str(out),
        )
        what = "make IRNet's labels"
        text = self.only('bas', 'seed_dataloader', 'irn_label_cfg')
        needs = ('fused_seeds',)
        return Step(out.name, what, (command,), (out,), needs, text, has_workers=True)

    def masks(self) -> Step:
        out = self.folder('masks')
        command = (
            'wsss/make_masks.py',
            self.configs['irn'],
            self.checkpoint('irn'),
            str(self.folder('fused_seeds')),
            str(out),
            '--work-dir',
            str(self.folder('logs') / out.name),
        )
        needs = ('irn', 'fused_seeds')
        what = 'make the masks'
        text = self.only('irn', 'model', 'train_dataloader', 'mask_cfg')
        return Step('masks', what, (command,), (out,), needs, text, distributed=True)

    def evaluate_masks(self) -> Step:
        file = self.folder('figures') / 'masks.json'
        command = (
            'wsss/eval_masks.py',
            self.configs['bas'],
            str(self.folder('masks')),
            '--out',
            str(file),
        )
        what = 'evaluate the masks'
        text = self.only('bas', 'seed_dataloader', 'seed_evaluator')
        needs = ('masks',)
        return Step('eval_masks', what, (command,), (file,), needs, text, has_workers=True)

    def test(self) -> Step:
        file = self.folder('figures') / 'segmentor.json'
        command = (
            'test.py',
            self.configs['segmentor'],
            self.checkpoint('segmentor'),
            '--work-dir',
            str(self.folder('logs') / 'test'),
            '--out',
            str(file),
        )
        what = 'test the segmentor'
        needs = ('segmentor',)
        text = self.only('segmentor', 'model', 'test_dataloader', 'test_evaluator', 'test_cfg')
        return Step('test', what, (command,), (file,), needs, text, distributed=True)


def _text(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True, default=repr)


def _load(path: str) -> Config:
    from mmengine.config import Config

    return Config.fromfile(path)
