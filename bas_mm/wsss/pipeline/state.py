"""What a pipeline has done so far, in one file that is whole at any time."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
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

    RUNNING, DONE, DISCARDED = 'running', 'done', 'discarded'

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

    def making(self, name: str) -> str | None:
        """A mark that a step gets whenever it begins or goes on, so that outputs are told apart.

        None where nothing is known of the step, or an earlier version began it.
        """
        return self._steps.get(name, {}).get('making')

    def ran_again(self, name: str, needs: Sequence[str]) -> list[str]:
        """Those of the steps that a step reads from which have run since it was begun."""
        read = self._steps.get(name, {}).get('read', {})
        return [need for need in needs if read.get(need) != self.making(need)]

    def is_half_done(self, name: str) -> bool:
        """Whether a step was begun and its output is not whole."""
        return name in self._steps and not self.is_done(name)

    def is_discarded(self, name: str) -> bool:
        """Whether what a step had made was about to be deleted, and some of it may be gone."""
        return self._steps.get(name, {}).get('status') == self.DISCARDED

    def is_done(self, name: str) -> bool:
        """Whether a step came to its end."""
        return self._steps.get(name, {}).get('status') == self.DONE

    def seconds(self, name: str) -> float:
        """How long a step took, over all its starts."""
        return float(self._steps.get(name, {}).get('seconds', 0))

    def discard(self, name: str) -> None:
        """Note that what a step that was begun has made is deleted, before it is.

        A run that is stopped meanwhile leaves some of it, which is of no use with any settings.
        """
        self._write(name, **{**self._steps[name], 'status': self.DISCARDED})

    def begin(
        self,
        name: str,
        fingerprint: str,
        made_of: Mapping[str, Any],
        needs: Sequence[str],
        anew: bool,
    ) -> None:
        """Note that a step begins, before it does.

        Args:
            name (str): The step.
            fingerprint (str): Of what it is made.
            made_of (Mapping): What it is made of.
            needs (Sequence[str]): The steps that it reads from.
            anew (bool): Whether it begins anew, and does not go on: its seconds are counted from
                0 on.
        """
        self._write(
            name,
            status=self.RUNNING,
            fingerprint=fingerprint,
            seconds=0 if anew else self.seconds(name),
            # Also where it goes on: what was made of its half is not made of the whole.
            making=uuid.uuid4().hex[:16],
            read={need: self.making(need) for need in needs},
            made_of=made_of,
        )

    def end(self, name: str, seconds: float, done: bool) -> None:
        """Note that a step that was begun ended, or was stopped, after so many seconds."""
        status = self.DONE if done else self.RUNNING
        begun = self._steps[name]
        seconds = round(float(begun['seconds'] + seconds), 1)
        self._write(name, **{**begun, 'status': status, 'seconds': seconds})

    def _write(self, name: str, **values: Any) -> None:
        self._steps[name] = values
        write_json(self.path, dict(steps=self._steps))
