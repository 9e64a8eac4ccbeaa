from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmengine.fileio import LocalBackend, register_backend

from bas_mm.utils.result_files import write_bytes

__all__ = ['WHOLE_FILES', 'WholeFilesBackend']

#: The backend's name in ``backend_args``.
WHOLE_FILES = 'bas_mm.whole_files'


class WholeFilesBackend(LocalBackend):
    """mmengine's local files, each of them whole or, after a kill or on a full disk, as before."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._put_off: list[tuple[Path, int]] | None = None

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes atomically. A link is replaced: it may lead to another run's checkpoint.

        Args:
            obj (bytes): what the file shall hold.
            filepath (str | Path): the file.
        """
        write_bytes(filepath, obj, through_links=False)

    def remove(self, filepath: str | Path) -> None:
        """Delete a file: at once, or at the end of :meth:`removing_last`.

        Args:
            filepath (str | Path): the file. Where it is put off, it may be gone before.
        """
        if self._put_off is None:
            super().remove(filepath)
            return
        with suppress(FileNotFoundError):
            self._put_off.append((Path(filepath), Path(filepath).stat().st_ino))

    @contextmanager
    def removing_last(self) -> Iterator[None]:
        """Delete nothing before the block has ended, and nothing at all where it fails.

        What takes a file's place within the block stays.
        """
        outer, self._put_off = self._put_off, []
        try:
            yield
            put_off = self._put_off
        finally:
            self._put_off = outer
        for path, inode in put_off:
            # Somebody else may have deleted it: what was saved is saved.
            with suppress(FileNotFoundError):
                if path.stat().st_ino == inode:
                    self.remove(path)


register_backend(WHOLE_FILES, WholeFilesBackend)
