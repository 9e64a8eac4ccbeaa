"""Packaging of bas_mm. The requirements are those of requirements/, so that each stands once."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def requirements(name: str) -> list[str]:
    """The lines of requirements/NAME.txt without comments."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith('#')]


def version() -> str:
    """``bas_mm.version.__version__``, without importing the package."""
    namespace: dict[str, str] = {}
    exec((ROOT / 'bas_mm' / 'version.py').read_text(encoding='utf-8'), namespace)
    return namespace['__version__']


def long_description() -> str:
    """The README, where there is one."""
    readme = ROOT / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.is_file() else ''


extras = {name: requirements(name) for name in ('torch', 'coco', 'crf', 'det', 'tests')}

setup(
    name='bas_mm',
    version=version(),
    description='Background Activation Suppression for OpenMMLab: weakly supervised localization',
    long_description=long_description(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE'],
    python_requires='>=3.10,<3.13',
    packages=find_packages(include=['bas_mm', 'bas_mm.*']),
    # Nothing in here pulls in torch: a torch that is there is never replaced.
    install_requires=requirements('runtime'),
    extras_require=extras,
    zip_safe=False,
    classifiers=[
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
)
