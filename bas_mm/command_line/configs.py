"""Configs with the command line's settings in them."""

import argparse
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .messages import fail, warn

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['load_config']


def load_config(path: str, options: Sequence[str], work_dir: str | None = None) -> 'Config':
    """Read a config file with the command line's settings in it.

    Args:
        path (str): The config file, which exists.
        options (Sequence[str]): ``key=value`` texts of ``--cfg-options``, read as mmengine's
            ``DictAction`` does, but with the blanks in words: those of a path, say. With a comma a
            value is a list; in quotes of its own, ``key="'a, b'"``, it is a text.
        work_dir (str, optional): ``--work-dir``. Without it and without one in the config it is
            ``work_dirs/`` and the config file's name.

    Returns:
        Config: The config. Exits with status 2 where a value that a run counts with is no number.
    """
    from bas_mm.utils.config_file import read_config
    from bas_mm.utils.config_numbers import describe_wrong_number

    for option in options:
        if '=' not in option:
            fail(f'--cfg-options takes key=value, got {option!r}')
    try:
        cfg = read_config(path)
    except ValueError as error:
        fail(str(error))
    if options:
        settings = dict(map(_read_option, options))
        _look_at_sections(settings, cfg, path)
        try:
            cfg.merge_from_dict(settings)
        except (KeyError, TypeError, IndexError) as error:
            fail(f'--cfg-options {" ".join(options)} does not fit {path}: {error}')
    said = describe_wrong_number(cfg)
    if said is not None:
        fail(f'{path}: {said}')
    if work_dir is not None:
        cfg.work_dir = work_dir
    elif cfg.get('work_dir') is None:
        cfg.work_dir = os.path.join('work_dirs', Path(path).stem)
    return cfg


def _look_at_sections(settings: Iterable[str], cfg: 'Config', path: str) -> None:
    """Exit with status 2 where a setting's part is mistyped; say where it is read by nobody."""
    from bas_mm.utils.config_sections import COMMAND_SECTIONS, runner_sections, similar_sections

    known = COMMAND_SECTIONS | runner_sections()
    for name in dict.fromkeys(key.partition('.')[0] for key in settings):
        if name in known:
            continue
        if name in cfg:
            warn(
                f'--cfg-options {name}: no command reads it; a variable of {path} was put in its '
                'places when the file was read: set these'
            )
            continue
        similar = similar_sections(name, known | set(cfg))
        if similar:
            fail(f'--cfg-options {name}: {path} has no such part; like it are {", ".join(similar)}')
        warn(f'--cfg-options {name}: {path} has no such part, and no command reads it')


def _read_option(option: str) -> tuple[str, Any]:
    """Key and value of a ``key=value``, see :func:`load_config`."""
    from mmengine.config import DictAction

    key, text = option.split('=', maxsplit=1)
    quoted = re.fullmatch(r"""(['"])(?![(\[])(.*,.*)\1""", text, re.DOTALL)
    if quoted and quoted[1] not in quoted[2]:
        return key, quoted[2]
    # DictAction drops all blanks. Of those in words it does not know; no argument has a NUL.
    kept = re.sub(r"""(?<=[^ ,(['"]) +(?=[^ ,)\]'"])""", lambda m: '\0' * len(m[0]), text)
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    try:
        value = parser.parse_args(['--cfg-options', f'{key}={kept}']).cfg_options[key]
    except AssertionError as error:
        said = str(error).replace('\0', ' ')
        fail(f'--cfg-options {option}: {said}; a text with a comma is in quotes, key="\'a, b\'"')
    return key, text.strip('\'"') if isinstance(value, str) else _put_blanks(value)


def _put_blanks(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(map(_put_blanks, value))
    return value.replace('\0', ' ') if isinstance(value, str) else value
