"""A missing package is named, with what to type."""

import sys

import pytest

from bas_mm.export.errors import ExportError
from bas_mm.export.packages import require_packages


@pytest.fixture
def installed(monkeypatch):
    """Make it look as if only some packages were there."""

    def only(*names: str) -> None:
        for name in ('onnx', 'onnxscript', 'onnxruntime'):
            spec = object() if name in names else None
            found[name] = spec

    found: dict = {}
    monkeypatch.setattr('bas_mm.export.packages.find_spec', lambda name: found[name])
    monkeypatch.setattr('bas_mm.export.packages.metadata.version', lambda name: '2.6.0')  # torch's
    return only


def test_what_is_missing_is_named(installed):
    installed('onnx', 'onnxscript', 'onnxruntime')
    require_packages('a.onnx')
    installed('onnx')
    with pytest.raises(ExportError, match='here: pip install onnxscript onnxruntime$'):
        require_packages('a.onnx')
    with pytest.raises(ExportError, match='here: pip install onnxscript$'):
        require_packages('a.onnx', check=False)
    installed('onnx', 'onnxscript')
    with pytest.raises(ExportError, match=r'the check of \.onnx .* onnxruntime, or .*--no-check'):
        require_packages('a.onnx')
    require_packages('a.onnx', check=False)
    installed()
    require_packages('a.pt2')


@pytest.mark.parametrize('version', ['2.4.1', '2.5.0+cpu'])
def test_a_torch_whose_exporter_is_too_old_is_named(version, installed, monkeypatch):
    installed('onnx', 'onnxscript', 'onnxruntime')
    monkeypatch.setattr('bas_mm.export.packages.metadata.version', lambda name: version)
    with pytest.raises(ExportError, match=r'need torch 2\.6 or later, here is 2\.[45]'):
        require_packages('a.onnx')
    require_packages('a.pt2')


def test_a_package_that_is_switched_off_counts_as_missing(monkeypatch):
    monkeypatch.setattr('bas_mm.export.packages.metadata.version', lambda name: '2.6.0')
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    with pytest.raises(ExportError, match='pip install .*onnxscript'):
        require_packages('a.onnx')


def test_other_names_are_refused():
    with pytest.raises(ExportError, match=r'a\.pth: the name must end in \.onnx or \.pt2'):
        require_packages('a.pth')
