"""One step of the pipeline: commands, what they need, what they leave."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ['Step']


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
        settings (str): What decides its result besides the commands: the texts of its configs.
        resumable_training (bool): Whether ``--resume`` goes on from the last checkpoint.
        distributed (bool): Whether it runs on several processes through the launcher.
        has_workers (bool): Whether its commands take ``--num-workers``.
        batch (int, optional): Batch of a training over all processes.
    """

    name: str
    what: str
    commands: tuple[tuple[str, ...], ...]
    outputs: tuple[Path, ...]
    needs: tuple[str, ...] = ()
    settings: str = field(default='', repr=False)
    resumable_training: bool = False
    distributed: bool = False
    has_workers: bool = False
    batch: int | None = None

    def fingerprint(self, of_needs: Sequence[str]) -> str:
        """What its result depends on, as a short hash.

        Args:
            of_needs (Sequence[str]): Fingerprints of the steps in ``needs``.
        """
        text = json.dumps([self.commands, self.settings, list(of_needs)], default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def missing(self) -> list[Path]:
        """Its outputs that are not there."""
        return [path for path in self.outputs if not path.exists()]
