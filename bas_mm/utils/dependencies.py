"""Check of the installed libraries' versions, from package metadata alone.

The libraries take seconds to import, and a wrong version of one of them often fails to import at
all with an error that names something else. So nothing is imported here.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata

__all__ = ['REQUIREMENTS', 'Requirement', 'check_dependencies', 'parse_release']


@dataclass(frozen=True)
class Requirement:
    """A library that bas_mm imports.

    Args:
        module: The import name.
        distributions: Names of the distributions that provide the module, the preferred one
            first; that one is what the error message tells to install.
        minimum: The lowest version accepted.
        below: The lowest version no longer accepted; None for no upper end.
        together: What must be installed by the same command, so that the two match.
    """

    module: str
    distributions: tuple[str, ...]
    minimum: str
    below: str | None = None
    together: str = ''

    @property
    def accepted(self) -> str:
        """The accepted range as a pip specifier, for example ``>=0.10.12,<1.0``."""
        return f'>={self.minimum}' + (f',<{self.below}' if self.below else '')

    @property
    def pip_command(self) -> str:
        """What to type to get an accepted version."""
        # pip keeps compiled mmcv wheels and hands them to environments with another torch.
        option = '--no-cache-dir ' if self.module == 'mmcv' else ''
        command = f'pip install {option}"{self.distributions[0]}{self.accepted}" {self.together}'
        return command.rstrip()


#: setup.py's ``install_requires`` and ``torch`` extra hold the same ranges; a test compares them.
REQUIREMENTS = (
    Requirement('torch', ('torch',), '2.4', together='torchvision'),
    # Before 0.10.11 loops of iterations begin their data before EpochSeedHook has set the seeds;
    # 0.10.11 lacks mmengine.dist.
    Requirement('mmengine', ('onedl-mmengine', 'mmengine', 'mmengine-lite'), '0.10.12', '1.0'),
    Requirement('mmcv', ('onedl-mmcv', 'mmcv', 'mmcv-lite'), '2.3.0', '2.4'),
    Requirement('mmpretrain', ('onedl-mmpretrain', 'mmpretrain'), '1.3.0', '2.0'),
    # 1.3 does not import without mmcv's operators, which pip's mmcv lacks.
    Requirement('mmseg', ('onedl-mmsegmentation', 'mmsegmentation'), '1.4.0', '2.0'),
)


def parse_release(version: str) -> tuple[int, ...]:
    """The numeric release part of a version, without its trailing zeros.

    Pre-release and local parts are cut off: ``'2.10.0+cpu'`` and ``'2.10rc1'`` give ``(2, 10)``.

    Args:
        version: A version as in a package's metadata.

    Returns:
        The release numbers, comparable with ``<``.

    Raises:
        ValueError: ``version`` does not start with a number.
    """
    match = re.match(r'v?(\d+(?:\.\d+)*)', version.strip())
    if match is None:
        raise ValueError(f'not a version: {version!r}')
    numbers = [int(part) for part in match.group(1).split('.')]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _found_version(
    requirement: Requirement, get_version: Callable[[str], str]
) -> tuple[str, str] | None:
    for distribution in requirement.distributions:
        try:
            return distribution, get_version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def check_dependencies(
    requirements: Iterable[Requirement] = REQUIREMENTS,
    get_version: Callable[[str], str] = metadata.version,
) -> None:
    """Compare the installed libraries with the accepted ranges.

    Args:
        requirements: What must be there.
        get_version: Gives the version of a distribution by name, or raises
            ``importlib.metadata.PackageNotFoundError``.

    Raises:
        ImportError: A library is missing or outside its range. The one message names every such
            library with the version found, the accepted range and the pip command.
    """
    problems = []
    for requirement in requirements:
        found = _found_version(requirement, get_version)
        if found is None:
            state = f'{requirement.distributions[0]} is not installed'
        else:
            release = parse_release(found[1])
            too_old = release < parse_release(requirement.minimum)
            too_new = requirement.below is not None and release >= parse_release(requirement.below)
            if not (too_old or too_new):
                continue
            state = f'{found[0]} {found[1]} is installed'
        problems.append(
            f'  {requirement.module}: {state}; bas_mm needs {requirement.accepted}.'
            f' Install it with: {requirement.pip_command}'
        )
    if problems:
        raise ImportError('bas_mm cannot use this environment:\n' + '\n'.join(problems))
