"""What a pipeline has done so far, in one file that is whole at any time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bas_mm.utils.result_files import write_json

__all__ = ['PipelineState']


class PipelineState:
    """The state file of a work folder.

    Args:
        path (str | Path): The file; it need not exist.

    Raises:
        ValueError: It exists and cannot be read.
    """

    RUNNING, DONE = 'running', 'done'

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._steps: dict[str, dict[str, Any]] = {}
        if self.path.exists():
            try:
                self._steps = json.loads(self.path.read_text(encoding='utf-8'))['steps']
                for name in self._steps:
                    self.made_of(name)
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f'{self.path} cannot be read ({error}): delete its folder to begin anew, or '
                    'choose another --work-dir'
                ) from None

    def fingerprint(self, name: str) -> str | None:
        """With what settings a step was begun last."""
        return self._steps.get(name, {}).get('fingerprint')

    def made_of(self, name: str) -> dict[str, Any]:
        """What a step that was begun was begun with."""
        return self._steps[name]['made_of']

    def is_done(self, name: str) -> bool:
        """Whether a step came to its end."""
        return self._steps.get(name, {}).get('status') == self.DONE

    def seconds(self, name: str) -> float:
        """How long a step took, over all its starts."""
        return float(self._steps.get(name, {}).get('seconds', 0))

    def begin(self, name: str, fingerprint: str, made_of: Mapping[str, Any]) -> None:
        """Note that a step begins, before it does."""
        seconds = self.seconds(name) if self.fingerprint(name) == fingerprint else 0
        self._write(name, self.RUNNING, fingerprint, made_of, seconds)

    def end(self, name: str, seconds: float, done: bool) -> None:
        """Note that a step that was begun ended, or was stopped, after so many seconds."""
        status = self.DONE if done else self.RUNNING
        begun = self._steps[name]
        seconds += begun['seconds']
        self._write(name, status, begun['fingerprint'], begun['made_of'], seconds)

    def _write(
        self, name: str, status: str, fingerprint: str, made_of: Mapping[str, Any], seconds: float
    ) -> None:
        self._steps[name] = dict(
            status=status,
            fingerprint=fingerprint,
            seconds=round(float(seconds), 1),
            made_of=made_of,
        )
        write_json(self.path, dict(steps=self._steps))
