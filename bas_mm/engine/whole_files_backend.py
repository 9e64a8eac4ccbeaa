from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from bas_mm.evaluation.result_files import write_bytes

__all__ = ['WHOLE_FILES', 'WholeFilesBackend']

#: The backend's name in ``backend_args``.
WHOLE_FILES = 'bas_mm.whole_files'


class WholeFilesBackend(LocalBackend):
    """mmengine's local files, each of them whole or, after a kill or on a full disk, as before."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes atomically.

        Args:
            obj (bytes): what the file shall hold.
            filepath (str | Path): the file.
        """
        write_bytes(filepath, obj)


register_backend(WHOLE_FILES, WholeFilesBackend)
