"""A device that stands in for a GPU: memory of its own, and a note of who waits for it.

Its tensors are tensors of the host in a cover. What a GPU refuses is refused here: an operator over
tensors of the device and of the host, ``numpy()``. What makes the host wait for a GPU, or copies
from or to one, is noted, with the place in the code. It has no streams and no pinned memory, nor
a GPU's kernels and speed.

:func:`on_strict_device` gives an environment in which every Python process has it, with mmengine
taking it for training and testing; the processes write their notes when they end.
"""

import atexit
import json
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch.utils._pytree import tree_leaves, tree_map, tree_map_only

NAME = 'strict'
#: Operators whose result the host must know to go on.
_WAITING = {
    *('_local_scalar_dense', 'nonzero', 'masked_select', 'equal', 'is_nonzero'),
    *('_unique', '_unique2', 'unique_dim', 'unique_consecutive', 'bincount'),
}
_HOST = torch.device('cpu')
#: Of this process: what, whether non_blocking, file and function.
notes: Counter = Counter()


class Note(NamedTuple):
    """What was noted of one place in the code."""

    #: The script that ran.
    script: str
    #: 'to the host', 'to the device', or the operator that is waited for.
    what: str
    non_blocking: bool
    #: Folder and name of the file, and the function.
    file: str
    function: str
    count: int


class StrictTensor(torch.Tensor):
    """A tensor of the device; ``held`` is the one of the host that has its values."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> 'StrictTensor':
        tensor = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
        )
        tensor.held = held
        return tensor

    def __repr__(self) -> str:
        return f'StrictTensor({self.held})'

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func, args: tuple, kwargs: dict):
    name = func.overloadpacket.__name__
    if name == '_to_copy':
        return _copy(args[0], kwargs)
    if name in ('copy_', '_copy_from', '_copy_from_and_resize'):
        target, source = args[:2] if name == 'copy_' else args[1::-1]
        _note_copy(source, type(target), args[2] if len(args) > 2 else False)
        _held(target).copy_(_held(source))
        return target
    # In inference mode these come whole.
    if func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd):
        return func.decompose(*args, **kwargs)
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    own = [x for x in tensors if isinstance(x, StrictTensor)]
    # One number of the host may go along.
    of_host = [x for x in tensors if not isinstance(x, StrictTensor) and x.ndim]
    if own and of_host:
        if not name.startswith(('index', '_index')):  # may have its indices on the host
            raise RuntimeError(
                f'{func}: tensors of the host among those of the device: '
                f'{[(type(x).__name__, tuple(x.shape)) for x in tensors]}'
            )
        _note(name, False)
    masks = name.startswith(('index', '_index')) and any(x.dtype == torch.bool for x in own[1:])
    if name in _WAITING or masks:
        _note(name, False)
    return _covered(func, args, kwargs, func(*tree_map(_held, args), **tree_map(_held, kwargs)))


def _copy(source: torch.Tensor, kwargs: dict) -> torch.Tensor:
    device = kwargs.get('device')
    kind = type(source) if device is None else _kind(device)
    kind = StrictTensor if kind is StrictTensor else torch.Tensor
    held = _held(source)
    copied = torch.ops.aten._to_copy(held, **{**kwargs, 'device': _HOST, 'non_blocking': False})
    _note_copy(source, kind, kwargs.get('non_blocking', False))
    return StrictTensor(copied) if kind is StrictTensor else copied


def _note_copy(source: torch.Tensor, kind: type, non_blocking: bool) -> None:
    to_device = kind is StrictTensor
    if isinstance(source, StrictTensor) != to_device:
        _note('to the device' if to_device else 'to the host', bool(non_blocking))


def _note(what: str, non_blocking: bool) -> None:
    frames = traceback.extract_stack()
    ours = [f for f in frames if '/torch/' not in f.filename and f.filename != __file__]
    place = Path(ours[-1].filename)
    notes[what, non_blocking, f'{place.parent.name}/{place.name}', ours[-1].name] += 1


def _kind(device: torch.device) -> type:
    return StrictTensor if torch.device(device).type == NAME else torch.Tensor


def _held(x):
    if isinstance(x, StrictTensor):
        return x.held
    return _HOST if isinstance(x, torch.device) and x.type == NAME else x


def _covered(func, args: tuple, kwargs: dict, result):
    """The result with covers; what was written in place keeps its own."""
    written = {}
    for index, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[index] if index < len(args) else kwargs.get(argument.name)
            for x in tree_leaves(value):
                if isinstance(x, StrictTensor):
                    written[id(x.held)] = x

    def cover(x):
        if not isinstance(x, torch.Tensor):
            return x
        return written[id(x)] if id(x) in written else StrictTensor(x)

    return tree_map(cover, result)


def register() -> None:
    """Make the device known to torch, and the one that mmengine takes."""
    import mmengine.device.utils
    from torch.utils import backend_registration

    class Module(backend_registration._DummyBackendModule):
        @staticmethod
        def get_amp_supported_dtype() -> list[torch.dtype]:
            return [torch.float16, torch.bfloat16]

    backend_registration._setup_privateuseone_for_python_backend(NAME, Module())
    everything, named = torch.library.Library('_', 'IMPL'), torch.library.Library('aten', 'IMPL')
    # Operators without a tensor of the device: those that make tensors.
    everything.fallback(lambda func, *args, **kwargs: _run(func, args, kwargs), 'PrivateUse1')
    # What torch calls below Python, as in torch.tensor, has to be told each by its name.
    aten = torch.ops.aten
    for func in (aten._copy_from.default, aten.empty_strided.default, aten.empty.memory_format):
        name = func._schema.name + f'.{func._overloadname}'.removesuffix('.default')
        named.impl(name, lambda *args, func=func, **kwargs: _run(func, args, kwargs), 'PrivateUse1')
    register.libraries = everything, named  # for as long as the process lives

    load = torch.load

    def load_to_device(file, map_location=None, **kwargs):
        if not isinstance(map_location, (str, torch.device)) or _kind(map_location) is torch.Tensor:
            return load(file, map_location=map_location, **kwargs)
        data = load(file, map_location='cpu', **kwargs)
        return tree_map_only(torch.Tensor, lambda tensor: tensor.to(NAME), data)

    torch.load = load_to_device
    torch.Tensor.pin_memory = _pin_memory
    mmengine.device.utils.DEVICE = NAME


def _pin_memory(tensor: torch.Tensor, device: object = None) -> torch.Tensor:
    """As torch's: of the host's tensors alone."""
    if tensor.device.type != 'cpu':
        raise RuntimeError(f'cannot pin a tensor of {tensor.device}: only dense CPU tensors can be')
    return tensor


def start(folder: str) -> None:
    """Register the device; when the process ends, its notes go into the folder."""
    if not hasattr(register, 'libraries'):  # a fork of a process that has it has it as well
        register()
    notes.clear()
    process = os.getpid()

    def write() -> None:
        if os.getpid() != process or not notes:
            return
        rows = [Note(Path(sys.argv[0]).name, *key, count)._asdict() for key, count in notes.items()]
        (Path(folder) / f'{process}.json').write_text(json.dumps(rows, indent=1))

    atexit.register(write)


def on_strict_device(folder: Path) -> tuple[dict[str, str], Callable[[], list[Note]]]:
    """The environment for processes, and what reads (and forgets) their notes.

    Args:
        folder (Path): an empty folder of the test.
    """
    (folder / 'notes').mkdir(parents=True)
    (folder / 'sitecustomize.py').write_text(
        f'import sys\n'
        f'sys.path.append({str(Path(__file__).parent)!r})\n'
        f'import strict_device\n'
        f'strict_device.start({str(folder / "notes")!r})\n'
    )
    paths = (str(folder), os.environ.get('PYTHONPATH', ''))
    environment = {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, paths))}

    def read() -> list[Note]:
        found = []
        for file in sorted((folder / 'notes').iterdir()):
            found += [Note(**row) for row in json.loads(file.read_text())]
            file.unlink()
        return found

    return environment, read
