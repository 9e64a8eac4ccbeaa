from mmengine.fileio import LocalBackend, register_backend

from bas_mm.evaluation.result_files import write_bytes, write_text

__all__ = ['WHOLE_FILES', 'WholeFilesBackend']

#: The backend's name in ``backend_args``.
WHOLE_FILES = 'bas_mm.whole_files'


class WholeFilesBackend(LocalBackend):
    """mmengine's local files, each of them whole or, after a kill or on a full disk, as before."""

    def put(self, obj: bytes, filepath: str) -> None:
        """Write bytes atomically.

        Args:
            obj (bytes): what the file shall hold.
            filepath (str): the file.
        """
        write_bytes(filepath, obj)

    def put_text(self, obj: str, filepath: str, encoding: str = 'utf-8') -> None:
        """Write text atomically.

        Args:
            obj (str): what the file shall hold.
            filepath (str): the file.
            encoding (str): 'utf-8', which is what there is.
        """
        if encoding != 'utf-8':
            raise ValueError(f'{filepath}: text is stored as utf-8, not as {encoding}')
        write_text(filepath, obj)


register_backend(WHOLE_FILES, WholeFilesBackend)
