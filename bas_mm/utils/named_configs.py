"""The configs that come with bas_mm, by name. Nothing that takes time is imported."""

from __future__ import annotations

from pathlib import Path

from .similar_names import close_names

__all__ = ['config_folder', 'config_names', 'find_config']


def config_folder() -> Path | None:
    """Folder of bas_mm's configs; None where it was installed without them."""
    package = Path(__file__).resolve().parents[1]
    # A checkout has its configs beside the package, an installation of its own in it.
    for root in (package.parent / 'configs', package / '.mim' / 'configs'):
        if (root / '_base_' / 'default_runtime.py').is_file():
            return root
    return None


def config_names() -> dict[str, Path]:
    """Names of bas_mm's configs, and their files.

    A name is the file's without ``.py``, such as ``bas_resnet50_cub``; and with its folder, such as
    ``cam/cam_small_embedded``, which tells files of one name apart.

    Returns:
        dict[str, Path]: File by name; a name that several files share is not in it.
    """
    root = config_folder()
    if root is None:
        return {}
    files = sorted(
        path for path in root.rglob('*.py') if '_base_' not in path.relative_to(root).parts
    )
    stems = [path.stem for path in files]
    return {
        **{path.relative_to(root).with_suffix('').as_posix(): path for path in files},
        **{path.stem: path for path in files if stems.count(path.stem) == 1},
    }


def find_config(config: str | Path) -> Path:
    """The file of a config, by its path or its name.

    Args:
        config (str | Path): A file, or a name of :func:`config_names`.

    Returns:
        Path: The file.

    Raises:
        FileNotFoundError: There is neither; the message has the most similar names.
    """
    if Path(config).is_file():
        return Path(config)
    names = config_names()
    name = Path(config).as_posix()
    if name in names:
        return names[name]
    # So that a whole path with a mistyped end finds its like, too.
    similar = [known for known in names if known.rpartition('/')[2] == name]
    for written in (name, Path(name).stem):
        similar = similar or close_names(written, names, cutoff=0.7)
    advice = f'did you mean {" or ".join(similar)}?' if similar else 'a name is bas_resnet50_cub'
    raise FileNotFoundError(f"{config} is neither a file nor one of bas_mm's configs: {advice}")
