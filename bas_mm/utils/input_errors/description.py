"""An error of a run, and what each kind of cause says of it."""

from __future__ import annotations

from collections.abc import Mapping

from ..config_traceback import steps_of
from .checkpoint_files import unfit_to_resume, unreadable_checkpoint
from .devices import full_device, full_shared_memory, norms_of_accelerators, static_graph
from .files_and_disks import deleted_folder, unwritable_file
from .loaders import refused_by_the_loader, unequal_pictures
from .part_settings import (
    missing_argument,
    missing_figure,
    refused_settings,
    text_for_a_number,
    unknown_argument,
)
from .part_types import missing_package, unknown_optimizer, unknown_type
from .raised_by_bas_mm import said_by_bas_mm

__all__ = ['describe_input_error']


def describe_input_error(error: BaseException, cfg: Mapping) -> str | None:
    """Tell an error of the input from one of the program.

    An error is the input's where

    * a ``raise`` of bas_mm made it, here or in a worker process: those say what is wrong, and are
      written for the person who started the run; or
    * mmengine did not find the ``type`` of a part of the config, or a part of the config has a key
      that its type does not take, or lacks one that it needs; or
    * a checkpoint file could not be read, or is none that this run can go on from; or
    * a file, which the error names, could not be written or read: the disk is full, it is not
      allowed, its name is too long, or what should be a folder is a file, or the other way round.
      Of a full disk it is enough that the function which wrote it had the file open; or
    * the run's folder was deleted while it ran; or
    * a part of the config needs a package that is not installed; or
    * the type of a part refuses its settings by a ``raise`` of its own, or could not be made of
      them where one is a text or a list in place of a number; so does torch's loader; or
    * the figure by which the best checkpoint is chosen is none of the validation's; or
    * the device's memory, or the memory that processes share, is too small; or
    * torch's DDP cannot do what the config asks of it on this device, or together.

    Args:
        error (BaseException): As it was caught, with its traceback.
        cfg (Mapping): The run's config.

    Returns:
        str | None: What is wrong and, where a part of the config was being built, the key of that
        part, as ``--cfg-options`` takes it. None: not known to be an error of the input.
    """
    steps = steps_of(error)
    if not steps:
        return None
    texts = (
        recognise(error, cfg, steps) for kind, recognise in _RECOGNISERS if isinstance(error, kind)
    )
    return next((text for text in texts if text is not None), None)


# Of which errors, and what says what such an error means, or None. The first text holds.
_RECOGNISERS = (
    (BaseException, said_by_bas_mm),
    (BaseException, unreadable_checkpoint),
    (BaseException, unfit_to_resume),
    (BaseException, unwritable_file),
    (FileNotFoundError, deleted_folder),
    (KeyError, unknown_type),
    (TypeError, unknown_argument),
    (TypeError, missing_argument),
    (TypeError, unknown_optimizer),
    (RuntimeError, unequal_pictures),
    ((RuntimeError, OSError), full_shared_memory),
    (RuntimeError, full_device),
    (ValueError, norms_of_accelerators),
    (RuntimeError, static_graph),
    (ImportError, missing_package),
    (KeyError, missing_figure),
    ((ValueError, TypeError, KeyError, AssertionError), refused_settings),
    (ValueError, refused_by_the_loader),
    ((ValueError, TypeError, AttributeError, RuntimeError), text_for_a_number),
)
