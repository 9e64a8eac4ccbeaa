"""Which errors of a run are its input's, and what to say of them."""

from __future__ import annotations

import errno
import inspect
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .config_numbers import describe_no_number
from .config_traceback import (
    BUILDERS,
    built_class,
    built_parts,
    config_parts,
    is_a_raise,
    module_of,
    path_of_part,
    running_phase,
    steps_of,
)
from .config_types import registered_class
from .similar_names import like_clause

__all__ = ['describe_input_error']

_PACKAGE = __name__.partition('.')[0]
_FOLDER = Path(__file__).resolve().parents[1]
_RUNNER = 'mmengine.runner.runner'
_OF_FULL_DISKS = errno.ENOSPC, errno.EDQUOT, errno.EFBIG
_OF_DISKS = (
    *_OF_FULL_DISKS,
    *(errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG),
)
_UNKNOWN_TYPE = re.compile(r'(\S+) is not in the .+ registry')
# Python 3.13 proposes another name.
_UNKNOWN_ARGUMENT = re.compile(
    r"(\S+)\(\) got an unexpected keyword argument '(\w+)'(?:\. Did you mean '\w+'\?)?"
)
_MISSING_ARGUMENT = re.compile(r'(\S+)\(\) missing \d+ required .*arguments?: (.+)')
_UNEQUAL_PICTURES = re.compile(
    r'stack expects each tensor to be equal size, but got (\[3, \d+, \d+\]) at entry 0 and '
    r'(\[3, \d+, \d+\])'
)
_UNEQUAL_IN_WORKER = re.compile(r'in collate_tensor_fn\n.+\n.*RuntimeError: .*resiz', re.DOTALL)
# Of a loader's worker: torch's own error, and the signal of a process that uses memory which it was
# promised and did not get.
_FULL_SHARED_MEMORY = re.compile(
    r'unable to allocate shared memory\(shm\) for file .*\(28\)|killed by signal: Bus error'
)
# An entry of a printed traceback: its file, and its line of code.
_PRINTED_STEP = re.compile(r'^ *File "(.+)", line \d+, in .+\n *(.*)', re.MULTILINE)
# Between an error's printed traceback and that of the one that was raised because of it.
_NEXT_ERROR = re.compile(r'\n\n(?:The above exception was|During handling of the above exception)')
# mmengine's methods that build loaders and loops themselves, of parts without a type.
_BUILT_BY_RUNNER = ('build_dataloader', 'build_train_loop', 'build_val_loop', 'build_test_loop')


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


# What was raised, and by whom


def _is_ours(kind: type) -> bool:
    return kind.__module__.partition('.')[0] == _PACKAGE


def _is_a_raise_of_ours(step: TracebackType) -> bool:
    return is_a_raise(step) and module_of(step.tb_frame).partition('.')[0] == _PACKAGE


def _message(error: BaseException) -> str:
    # A KeyError's text is the repr of its message.
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error).strip()


def _said_by_bas_mm(error: BaseException, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """What a ``raise`` of bas_mm says, after the key of the part that was being built."""
    said = _said_by_a_worker(error, steps[-1]) or _said_by_us(error, steps[-1])
    if said is None:
        return None
    said = _unwritable_file(error, cfg, steps) or said  # of a file's writer of ours
    built = built_parts(steps)
    where = path_of_part(cfg, built[-1], steps) if built else None
    named = where is None or said.startswith(where)
    return said if named else f'{where}: {said}'


def _said_by_us(error: BaseException, last: TracebackType) -> str | None:
    """The message of an error of a type of ours, or that a ``raise`` of bas_mm made."""
    kind, inner, text = type(error), error.__cause__ or error.__context__, str(error)
    if _is_ours(kind):
        return _message(error) or None
    if kind is NotImplementedError or not _is_a_raise_of_ours(last):
        return None
    if type(inner) is kind and str(inner) and str(inner) in text:
        # Handed on with the name of a picture, say: whose error is the one within?
        steps = steps_of(inner)
        if not steps or _said_by_us(inner, steps[-1]) is None:
            return None
    return _message(error) or None


def _said_by_a_worker(error: BaseException, last: TracebackType) -> str | None:
    """:func:`_said_by_us` of an error of another process, of which there is the text alone."""
    kind = type(error)
    if module_of(last.tb_frame) == 'torch._utils':  # a loader's: the traceback is the message
        printed = str(error)
        message = re.split(rf'\n(?:[\w.]+\.)?{re.escape(kind.__name__)}: ', printed)[-1].strip()
    elif type(error.__cause__).__name__ in ('_RemoteTraceback', 'RemoteTraceback'):
        printed, message = str(error.__cause__), _message(error)
    else:
        return None
    if _is_ours(kind):
        return message
    outer, *inner = reversed(_NEXT_ERROR.split(printed))
    for block in (outer, *inner):
        name, _, text = block.strip().rpartition('\n')[2].partition(': ')
        if block is not outer and not (name == kind.__name__ and text and text in message):
            break  # not handed on: an error of ours that came of another
        steps = _PRINTED_STEP.findall(block)
        file, code = steps[-1] if steps else ('', '')
        ours = Path(file).resolve().is_relative_to(_FOLDER) and code.startswith('raise ')
        if kind is NotImplementedError or not ours:
            return None
    return message


def _unreadable_checkpoint(
    error: BaseException, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    # What mmengine says meanwhile, where there is nobody to hear it or no room.
    speaks = module_of(steps[-1].tb_frame).startswith(('mmengine.logging', 'logging'))
    if isinstance(error, BrokenPipeError) or (speaks and isinstance(error, OSError)):
        return None
    for step in steps:
        frame = step.tb_frame
        if frame.f_code.co_name == '_load_checkpoint' and module_of(frame).startswith('mmengine'):
            first = _message(error).partition('\n')[0]
            kind = type(error).__name__
            file = frame.f_locals.get('filename')
            if isinstance(error, FileNotFoundError):
                return _missing_checkpoint(file, cfg)
            return f'{file} cannot be read as a checkpoint: {kind}: {first}'
    return None


def _missing_checkpoint(file: str, cfg: Mapping) -> str:
    parts = [(path, key) for path, part in config_parts(cfg) for key in part if part[key] == file]
    where = ''.join(f'{".".join(filter(None, names))}: ' for names in parts[:1])
    return (
        f'{where}there is no checkpoint {file}: train or convert the model that it is of first, '
        'or name another'
    )


def _unfit_to_resume(error: BaseException, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A checkpoint without a training's state, or with that of an optimizer of other weights."""
    frames = [step.tb_frame for step in steps]
    resumes = [f for f in frames if f.f_code.co_name == 'resume' and module_of(f) == _RUNNER]
    if not resumes:
        return None
    last = frames[-1]
    if isinstance(error, KeyError) and last is resumes[0]:
        reason = f'it has no {_message(error)}'
    elif isinstance(error, (ValueError, KeyError)) and any(
        frame.f_code.co_name == 'load_state_dict' and module_of(frame) == 'torch.optim.optimizer'
        for frame in frames
    ):
        reason = f'its optimizer is another one: {_message(error)}'
    else:
        return None
    file = resumes[0].f_locals.get('filename')
    return (
        f'{file} is none that this training can go on from: {reason}. To begin with its weights '
        f'give --cfg-options load_from={file}, without --resume'
    )


def _unwritable_file(error: BaseException, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    if not isinstance(error, OSError):
        return None
    path, number = error.filename, error.errno
    if path is None and number in _OF_FULL_DISKS:
        path = _written_file(steps)
    # Without a file's name it may be a device's or a system's.
    if not isinstance(path, (str, Path)) or not str(path):
        return None
    path = str(path)
    if number in _OF_DISKS:
        return f'{path}: {error.strerror}'
    makes = steps[-1].tb_frame.f_code.co_name in ('mkdir', 'makedirs')
    if makes and number == errno.ENOENT:
        return f'{path}: the folder cannot be made: {error.strerror}'
    if number == errno.EISDIR and os.path.isdir(path):
        return f'{path} is a folder, where a file is to be'
    # Of what is there already, only that a folder was to be made of it: that a program makes a
    # folder or a file twice is its own mistake.
    if number == errno.ENOTDIR or (number == errno.EEXIST and makes):
        for place in (path, *map(str, Path(path).parents)):
            if os.path.lexists(place):
                if os.path.isdir(place):
                    return None
                where = '' if place == path else f'{path}: '
                return f'{where}{place} is no folder'
    return None


def _deleted_folder(
    error: FileNotFoundError, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    """A run makes its folders when it begins: where one is missing later on, somebody took it."""
    for frame in (step.tb_frame for step in steps if module_of(step.tb_frame) == _RUNNER):
        runner = frame.f_locals.get('self')
        work_dir, log_dir = (getattr(runner, name, None) for name in ('_work_dir', '_log_dir'))
        path = error.filename if isinstance(error.filename, (str, Path)) else ''
        if log_dir is None or not Path(path).is_relative_to(work_dir):
            continue
        below = [place for place in reversed(Path(path).parents) if place.is_relative_to(log_dir)]
        gone = [place for place in (work_dir, log_dir, *below) if not os.path.isdir(place)]
        if gone:
            return (
                f'the folder {gone[0]} was deleted while the run wrote into it: begin anew, or go '
                'on from a checkpoint that is left'
            )
    return None


def _written_file(steps: list[TracebackType]) -> str | None:
    """The file that was being written: no error of a write has its name, that of open() alone.

    It is that of the innermost function that has any, and known where this has no other one.
    """
    for step in reversed(steps):
        files = {
            value.name
            for value in step.tb_frame.f_locals.values()
            if isinstance(value, io.IOBase)
            and isinstance(getattr(value, 'name', None), str)
            and set('wax+').intersection(str(getattr(value, 'mode', '')))
        }
        if files:
            return files.pop() if len(files) == 1 else None
    return None


# What a config has wrong


def _registered(registry: Any) -> dict[str, str]:
    """What a config calls the modules that a registry of mmengine finds, by their names.

    Its own and its parents' go by their names alone, those of other packages with the package's.
    """
    above, names = registry, {}
    while above.parent is not None:
        above = above.parent
    for scope, child in above.children.items():
        names.update({name: f'{scope}.{name}' for name in child.module_dict})
    while registry is not None:
        names.update({name: name for name in registry.module_dict})
        registry = registry.parent
    return names


def _unknown_type(error: KeyError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    match = _UNKNOWN_TYPE.match(_message(error))
    if match is None or module_of(steps[-1].tb_frame) != BUILDERS:
        return None
    *outer, part = built_parts(steps)
    path = path_of_part(cfg, {**part, 'type': match[1]}, steps)
    if path is None:
        return _unknown_inner_type(match[1], cfg, outer, steps)
    return _no_such_type(path, match[1], steps[-1].tb_frame.f_locals['registry'])


def _unknown_inner_type(
    name: str, cfg: Mapping, outer: list[Mapping], steps: list[TracebackType]
) -> str | None:
    """A part of another package builds parts of its own, by names without a scope."""
    path = path_of_part(cfg, outer[-1], steps) if outer else None
    if path is None or not isinstance(outer[-1]['type'], str):
        return None
    scope, dot, _ = outer[-1]['type'].partition('.')
    if not dot or '_scope_' in outer[-1]:
        return None
    return (
        f'{path}: {outer[-1]["type"]} asks for {name}, a name of the scope {scope}: add '
        f'_scope_={scope!r} to it'
    )


def _no_such_type(path: str, name: str, registry: Any) -> str:
    like = like_clause(name.rpartition('.')[2], _registered(registry))
    return (
        f'{path}.type={name!r}: there is no {registry.name} of this name{like}. Modules of your '
        'own are made known by custom_imports'
    )


def _unequal_pictures(error: RuntimeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """Pictures of one batch that were to be stacked, here or in a loader's worker."""
    match = _UNEQUAL_PICTURES.search(str(error))
    # A worker makes room in shared memory first, which fails without a word of sizes.
    if match is None and not _UNEQUAL_IN_WORKER.search(str(error)):
        return None
    phase = running_phase(steps)
    if phase is None:
        return None
    sizes = f', {match[1]} and {match[2]} (channels, height, width)' if match else ''
    return (
        f'{phase}_dataloader.dataset.pipeline: the pictures of a batch have several sizes'
        f"{sizes}: let it resize or crop them to one, such as by dict(type='LocResize', scale=224)"
    )


def _full_shared_memory(
    error: RuntimeError | OSError, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    """What of a container's processes is too much for its ``/dev/shm``."""
    modules = [module_of(step.tb_frame) for step in steps]
    if isinstance(error, OSError):  # of a semaphore, which has a file there
        full = error.errno == errno.ENOSPC and 'multiprocessing.synchronize' in modules
    else:
        # Of a killed worker the main process says no more than that it has ended.
        full = _FULL_SHARED_MEMORY.search(f'{error}\n{error.__cause__}')
    if not full:
        return None
    phase = running_phase(steps) if 'torch.utils.data.dataloader' in modules else None
    less = f'a smaller {phase}_dataloader.num_workers' if phase else 'fewer processes'
    return (
        'the memory that processes share, /dev/shm, is full. Less is taken by '
        f'{less}; a container gets more by docker run --shm-size=8g'
    )


def _full_device(error: RuntimeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """torch's error of a device whose memory does not do, and what takes less of it."""
    if type(error).__name__ != 'OutOfMemoryError':  # not in torch itself before 2.5
        return None
    # Behind it are the figures of torch's own pool.
    said = str(error).partition(' Of the allocated memory ')[0].partition('\n')[0]
    phase, ways = running_phase(steps), []
    if phase is None:
        return said
    if (cfg.get(f'{phase}_dataloader') or {}).get('batch_size') != 1:
        accumulated = ' with optim_wrapper.accumulative_counts' if phase == 'train' else ''
        ways.append(f'a smaller {phase}_dataloader.batch_size{accumulated}')
    if phase == 'train':
        if 'Amp' not in str((cfg.get('optim_wrapper') or {}).get('type')):
            ways.append('optim_wrapper.type=AmpOptimWrapper')
        if _takes_segments(cfg.get('model') or {}):
            ways.append('model.checkpoint_segments=4')
    return f'{said.removesuffix(".")}. Less is taken by {" or ".join(ways)}' if ways else said


def _takes_segments(model: Mapping) -> bool:
    """Whether activations of a model may be checkpointed, and are not."""
    from bas_mm.registry import MODELS

    if model.get('compile') or model.get('checkpoint_segments'):
        return False
    functions = _constructors(registered_class(MODELS, model)).values()
    return any(p.name == 'checkpoint_segments' for f in functions for p in _parameters(f))


def _norms_of_accelerators(
    error: ValueError, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    """torch's error of its synchronised norms in a job on CPUs."""
    if 'SyncBatchNorm layers only work with GPU' not in str(error):
        return None
    return (
        "model: torch's SyncBN works on accelerators only. On CPUs set type='BN' in the norm_cfg: "
        'classifiers of bas_mm share its statistics over the processes all the same'
    )


def _static_graph(error: RuntimeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """torch's error of a job whose first step, of a static graph, leaves gradients unshared."""
    if 'expect_autograd_hooks_' not in str(error):
        return None
    if not (cfg.get('model_wrapper_cfg') or {}).get('static_graph'):
        return None
    counts = (cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)
    if counts == 1:
        return None
    return (
        "model_wrapper_cfg.static_graph=True: torch's DDP cannot accumulate gradients in a static "
        f'graph. Leave it out, or optim_wrapper.accumulative_counts={counts}'
    )


def _missing_package(error: ImportError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A part that cannot be built without a package which it asks for by itself."""
    built = built_parts(steps)
    path = path_of_part(cfg, built[-1], steps) if built else None
    if path is None:
        return None
    if isinstance(error, ModuleNotFoundError):
        # A module that its package lacks is another mistake.
        if not error.name or '.' in error.name or error.name == _PACKAGE:
            return None
        return f'{path}: {built[-1]["type"]} needs the package {error.name}, which is not installed'
    # One that a statement has made says what is needed; Python's own, of a name, does not.
    return f'{path}: {_message(error)}' if is_a_raise(steps[-1]) else None


def _unknown_optimizer(error: TypeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """mmengine looks at the optimizer's signature before it asks whether there is one."""
    from bas_mm.registry import OPTIMIZERS

    optimizer = (cfg.get('optim_wrapper') or {}).get('optimizer') or {}
    name = optimizer.get('type')
    unknown = isinstance(name, str) and OPTIMIZERS.get(name) is None
    if str(error) != 'None is not a callable object' or not unknown:
        return None
    return _no_such_type('optim_wrapper.optimizer', name, OPTIMIZERS)


def _constructors(kind: Any) -> dict[str, Any]:
    """What is called to make one of a type, by the names that Python's errors give it.

    Of a class its own ``__init__``, and those that this hands arguments on to.
    """
    if not inspect.isclass(kind):
        return {getattr(kind, '__qualname__', ''): kind} if callable(kind) else {}
    functions = {}
    for parent in kind.__mro__:
        if '__init__' not in vars(parent):
            continue
        functions[f'{parent.__name__}.__init__'] = parent.__init__
        functions[getattr(parent.__init__, '__qualname__', '')] = parent.__init__
        if not any(p.kind is p.VAR_KEYWORD for p in _parameters(parent.__init__)):
            break
    return functions


def _parameters(function: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # of some functions in C nothing is known
        return []


def _unknown_argument(error: TypeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    match = _UNKNOWN_ARGUMENT.fullmatch(str(error))
    if match is None:
        return None
    key, built = match[2], built_parts(steps)
    last = steps[-1].tb_frame
    if module_of(last) == _RUNNER and match[1] == 'Runner.set_randomness':
        path, name = 'randomness', 'it'
        takes = inspect.signature(last.f_locals['self'].set_randomness).parameters
        takes = {other: other for other in takes}
    elif module_of(last) == _RUNNER and last.f_code.co_name in _BUILT_BY_RUNNER:
        path, takes = _path_of_runners_part(cfg, key, steps), {}
        name = match[1].removesuffix('.__init__')
    elif built:
        constructors = _constructors(built_class(steps))
        names = {p.name for function in constructors.values() for p in _parameters(function)}
        takes = {other: other for other in names - {'self', 'args', 'kwargs'}}
        path, name = path_of_part(cfg, built[-1], steps), built[-1]['type']
        # Else the type takes it, and what it then calls does not: an error of its own.
        if key not in built[-1] or key in takes or match[1] not in constructors:
            return None
    else:
        return None
    return None if path is None else f'{path}.{key}: {name} takes no {key}{like_clause(key, takes)}'


def _path_of_runners_part(cfg: Mapping, key: str, steps: list[TracebackType]) -> str | None:
    """Which loop's or loader's settings have a key: those that mmengine was at."""
    calls = [step.tb_frame.f_code.co_name for step in steps]
    kind = 'dataloader' if calls[-1] == 'build_dataloader' else 'cfg'
    phases = [phase for phase in ('train', 'val', 'test') if f'build_{phase}_loop' in calls]
    for phase in phases or ('train', 'val', 'test'):
        part = cfg.get(f'{phase}_{kind}')
        if isinstance(part, Mapping) and key in part:
            return f'{phase}_{kind}'
    return None


def _missing_argument(error: TypeError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    match = _MISSING_ARGUMENT.fullmatch(str(error))
    built, last = built_parts(steps), module_of(steps[-1].tb_frame)
    if match is None or not built or match[1] not in _constructors(built_class(steps)):
        return None
    # From within a type's own code it would be that code's error.
    if last.partition('.')[0] != 'mmengine':
        return None
    path = path_of_part(cfg, built[-1], steps)
    return None if path is None else f'{path}: {built[-1]["type"]} needs {match[2]}'


def _refused_settings(error: Exception, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """What the very type that a part of the config names says of its arguments."""
    built, kind, last = built_parts(steps), built_class(steps), steps[-1]
    own = inspect.isclass(kind) and isinstance(last.tb_frame.f_locals.get('self'), kind)
    said = _message(error)
    if not built or not own or not is_a_raise(last) or not said or _UNKNOWN_TYPE.match(said):
        return None
    path = path_of_part(cfg, built[-1], steps)
    return None if path is None else f'{path}: {said}'


def _refused_by_the_loader(
    error: ValueError, cfg: Mapping, steps: list[TracebackType]
) -> str | None:
    """Settings that do not go together, such as workers that outlive an epoch, and none."""
    last, calls = steps[-1], [step.tb_frame.f_code.co_name for step in steps]
    if 'build_dataloader' not in calls or calls[-1] != '__init__' or not is_a_raise(last):
        return None
    if module_of(last.tb_frame) not in ('torch.utils.data.dataloader', 'torch.utils.data.sampler'):
        return None
    for phase in ('train', 'val', 'test'):
        if f'build_{phase}_loop' in calls:
            return f'{phase}_dataloader: {_message(error)}'
    return None


def _text_for_a_number(error: Exception, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A setting that the type of a part was not made for; what it broke says little."""
    built = built_parts(steps)
    path = path_of_part(cfg, built[-1], steps) if built else None
    if path is None:
        return None
    for function in _constructors(built_class(steps)).values():
        for parameter in _parameters(function):
            kind, value = parameter.annotation, built[-1].get(parameter.name)
            if kind is parameter.empty:
                kind = type(parameter.default)
            if kind in (int, float, 'int', 'float'):
                said = describe_no_number(value, kind in (int, 'int'))
                if said is not None:
                    return f'{path}.{parameter.name}={value!r}: {said}'
    return None


def _missing_figure(error: KeyError, cfg: Mapping, steps: list[TracebackType]) -> str | None:
    """A figure that the best checkpoint is chosen by, known after the first validation."""
    frame = steps[-1].tb_frame
    place = module_of(frame), frame.f_code.co_name
    figures = frame.f_locals.get('metrics')
    if place != ('mmengine.hooks.checkpoint_hook', '_save_best_checkpoint') or not figures:
        return None
    name = error.args[0]
    for path, part in config_parts(cfg):
        chosen = part.get('save_best')
        if name in (chosen if isinstance(chosen, (list, tuple)) else [chosen]):
            return (
                f'{path}.save_best: the validation gives no {name}; it gives {", ".join(figures)}'
            )
    return None


# Of which errors, and what says what such an error means, or None. The first text holds.
_RECOGNISERS = (
    (BaseException, _said_by_bas_mm),
    (BaseException, _unreadable_checkpoint),
    (BaseException, _unfit_to_resume),
    (BaseException, _unwritable_file),
    (FileNotFoundError, _deleted_folder),
    (KeyError, _unknown_type),
    (TypeError, _unknown_argument),
    (TypeError, _missing_argument),
    (TypeError, _unknown_optimizer),
    (RuntimeError, _unequal_pictures),
    ((RuntimeError, OSError), _full_shared_memory),
    (RuntimeError, _full_device),
    (ValueError, _norms_of_accelerators),
    (RuntimeError, _static_graph),
    (ImportError, _missing_package),
    (KeyError, _missing_figure),
    ((ValueError, TypeError, KeyError, AssertionError), _refused_settings),
    (ValueError, _refused_by_the_loader),
    ((ValueError, TypeError, AttributeError, RuntimeError), _text_for_a_number),
)
