"""One step of the pipeline: commands, what they need, what they leave."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ['Step', 'changes', 'fingerprint']

# A key's value where there is no such key.
_ABSENT = object()


@dataclass(frozen=True)
class Step:
    """A step: commands run one after the other.

    Attributes:
        name (str): What the user calls it.
        what (str): What it does, in a few words.
        commands (tuple): Each a tool below ``tools/`` with its arguments. An argument
            ``{checkpoint:FOLDER}`` stands for the last checkpoint of a training in that folder.
        outputs (tuple[Path, ...]): Files or folders that are there when it is done, its own
            alone: they are deleted when it is run anew.
        needs (tuple[str, ...]): Names of the steps whose outputs it reads.
        settings (Mapping): What decides its result besides the commands: those parts of its config
            that it reads. Plain values.
        form (tuple, optional): The commands with placeholders for where files lie, which decides
            nothing. Defaults to None: the commands.
        resumable_training (bool): Whether ``--resume`` goes on from the last checkpoint.
        distributed (bool): Whether it runs on several processes through the launcher.
        has_workers (bool): Whether its commands take ``--num-workers``.
        batch (int, optional): Batch of a training over all processes.
        require (Callable[[], object], optional): Raises ImportError where a package that it needs
            is not there.
        reads (tuple): Configs of the data sets that it reads, each with whether their masks are
            read that no step makes.
        weights (Mapping[str, str]): Paths of the files that a training takes weights from before it
            begins, by the keys of its config.
        left_out (str): Why it is not run, of a step that has nothing to compare with. Defaults to
            '': it is run.
        writes (str): What a training calls its checkpoints, N for the number. Defaults to
            'epoch_N.pth'.
    """

    name: str
    what: str
    commands: tuple[tuple[str, ...], ...]
    outputs: tuple[Path, ...]
    needs: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, repr=False)
    form: tuple[tuple[str, ...], ...] | None = field(default=None, repr=False)
    resumable_training: bool = False
    distributed: bool = False
    has_workers: bool = False
    batch: int | None = None
    require: Callable[[], object] | None = field(default=None, repr=False)
    reads: tuple[tuple[Mapping[str, Any] | None, bool], ...] = field(default=(), repr=False)
    weights: Mapping[str, str] = field(default_factory=dict, repr=False)
    left_out: str = ''
    writes: str = 'epoch_N.pth'

    def made_of(self, of_needs: Mapping[str, str]) -> dict[str, Any]:
        """What its result depends on, as plain values.

        Args:
            of_needs (Mapping[str, str]): Fingerprints of the steps in ``needs``, by their names.
        """
        form = self.commands if self.form is None else self.form
        content = dict(commands=form, settings=self.settings, needs=of_needs)
        return json.loads(json.dumps(content))

    def processes(self, most: int) -> int:
        """On how many processes it runs.

        Args:
            most (int): How many there may be. A training has the largest number that divides its
                batch, as each process has the same share and the recipe's batch is that of all.
        """
        if not self.distributed:
            return 1
        if not isinstance(self.batch, int) or self.batch < 1:
            return most
        return next(count for count in range(most, 0, -1) if self.batch % count == 0)

    def missing(self) -> list[Path]:
        """Its outputs that are not there."""
        return [path for path in self.outputs if not path.exists()]


def fingerprint(made_of: Mapping[str, Any]) -> str:
    """What :meth:`Step.made_of` gave, as a short hash."""
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]


def changes(before: Mapping[str, Any], now: Mapping[str, Any], most: int = 3) -> str:
    """What differs between two values of :meth:`Step.made_of`, for a message.

    Args:
        before (Mapping): The one.
        now (Mapping): The other.
        most (int): At most so many are named. Defaults to 3.
    """
    texts = [
        f'{key}={_short(then)}, now {_short(value)}'
        for key, then, value in _differences(before['settings'], now['settings'])
    ]
    old, new = (
        {word for line in made['commands'] for word in line if word != '--cfg-options'}
        for made in (before, now)
    )
    if old != new:
        texts.append(
            f'{" ".join(sorted(old - new)) or "-"}, now {" ".join(sorted(new - old)) or "-"}'
        )
    needs = {**before['needs'], **now['needs']}
    texts += [
        f'the step {name}' for name in needs if before['needs'].get(name) != now['needs'].get(name)
    ]
    more = [f'{len(texts) - most} more'] if len(texts) > most else []
    return '; '.join([*texts[:most], *more])


def _differences(before: Any, now: Any, path: str = '') -> list[tuple[str, Any, Any]]:
    """Of all that differs the key, as ``--cfg-options`` takes it, the value before and now."""
    if isinstance(before, dict) and isinstance(now, dict):
        pairs = [(k, before.get(k, _ABSENT), now.get(k, _ABSENT)) for k in {**before, **now}]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = [(str(i), *pair) for i, pair in enumerate(zip(before, now))]
    else:
        # As the fingerprint has it: 1 and 1.0 are two.
        return [] if repr(before) == repr(now) else [(path, before, now)]
    return [
        found
        for key, then, value in pairs
        for found in _differences(then, value, f'{path}.{key}' if path else key)
    ]


def _short(value: Any) -> str:
    text = 'not there' if value is _ABSENT else repr(value)
    return text if len(text) <= 40 else f'{text[:37]}...'
