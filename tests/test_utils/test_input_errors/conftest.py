"""A run with some settings changed, and what is said of its error."""

import pytest
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from tiny_run import tiny_run_cfg, write_split_folder

from bas_mm.utils.input_errors import describe_input_error


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return write_split_folder(tmp_path_factory.mktemp('data'), dict(train=8, test=4))


@pytest.fixture
def description(data, tmp_path):
    """What is said of a run with some settings changed."""

    def describe(**settings):
        cfg = tiny_run_cfg(data, tmp_path / 'work', epochs=1)
        cfg.merge_from_dict({key.replace('__', '.'): value for key, value in settings.items()})
        with pytest.raises(Exception) as caught, DefaultScope.overwrite_default_scope('bas_mm'):
            Runner.from_cfg(cfg).train()
        return describe_input_error(caught.value, dict(cfg.items()))

    return describe
