"""What the files of a folder were made with, as a JSON file in it says."""

import json
from pathlib import Path
from typing import Any

__all__ = ['read_settings']


def read_settings(folder: str | Path, name: str) -> dict[str, Any]:
    """The settings in a folder's file ``name``; none where there is no such file.

    Raises:
        ValueError: It cannot be read, or holds something else.
    """
    path = Path(folder, name)
    try:
        settings = json.loads(path.read_text(encoding='utf-8'))
        if not isinstance(settings, dict):
            raise ValueError('it holds no settings')
        return settings
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ValueError(f'{path} cannot be read: {error}') from None
