"""The facts about the machine."""

import json

import mmengine
import torch

from bas_mm.benchmarking.figures import machine_facts


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
