"""The files of figures, and the facts about the machine."""

import json

import mmengine
import torch

from bas_mm.benchmarking.figures import machine_facts, write_figures


def test_machine_facts():
    facts = machine_facts()
    assert json.loads(json.dumps(facts)) == facts
    assert facts['cpu']
    assert facts['cores'] >= 1
    assert facts['threads'] == torch.get_num_threads()
    assert facts['versions']['torch'] == torch.__version__
    assert facts['versions']['mmengine'] == mmengine.__version__
    if not torch.cuda.is_available():
        assert facts['device'] == 'cpu'


def test_figures_that_are_not_all_have_a_file_of_their_own(tmp_path, capsys):
    """Until they are there."""
    path, partial = tmp_path / 'part.json', tmp_path / 'part.partial.json'
    write_figures(str(path), ['--a'], 'cpu', partial=True, networks=[1])
    assert [file.name for file in tmp_path.iterdir()] == [partial.name]
    content = json.loads(partial.read_text())
    assert content['networks'] == [1]
    assert content['command'][1:] == ['--a']
    assert capsys.readouterr().out == ''
    write_figures(str(path), ['--a'], 'cpu', networks=[1, 2])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert json.loads(path.read_text())['networks'] == [1, 2]
    assert capsys.readouterr().out == f'\nFigures: {path}\n'
