"""Packaging of bas_mm. The requirements are those of requirements/, so that each stands once."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# What `mim` looks for below bas_mm/.mim of an installed package.
MIM_FILES = ('configs', 'tools', 'model-index.yml')


class BuildPyWithMim(build_py):
    """Adds configs, tools and the model index to the built package, and nothing to the sources.

    An editable installation has none of it: there `mim` reads the checkout itself, and would find
    each config twice.
    """

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        # build/ may be left from another version, with modules that this one has no more.
        shutil.rmtree(Path(self.build_lib, 'bas_mm'), ignore_errors=True)
        super().run()
        target = Path(self.build_lib, 'bas_mm', '.mim')
        target.mkdir()
        for name in MIM_FILES:
            if (ROOT / name).is_dir():
                ignore = shutil.ignore_patterns('__pycache__', '*.py[cod]')
                shutil.copytree(ROOT / name, target / name, ignore=ignore)
            else:
                shutil.copy2(ROOT / name, target / name)


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


EXTRAS = ('torch', 'coco', 'crf', 'det', 'docs', 'export', 'tests')
extras = {name: requirements(name) for name in EXTRAS}

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
    # Type checkers read the hints of a package that has it.
    package_data={'bas_mm': ['py.typed']},
    entry_points={'console_scripts': ['bas_mm = bas_mm.__main__:main']},
    cmdclass={'build_py': BuildPyWithMim},
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
