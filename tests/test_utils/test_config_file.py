"""Config files, as all commands read them."""

from mmengine.config import Config

from bas_mm.utils.config_file import read_config

TEXT = """
from pathlib import Path

root = Path('data') / 'my pictures'
model = dict(type='Nothing', sizes=(1, 2))
train_dataloader = dict(dataset=dict(data_root=root, folders=[dict(place=root / 'a'), 3]))
load_from = Path('/weights.pth')
"""


def test_paths_are_text_and_the_saved_config_can_be_read(tmp_path):
    """mmengine's own text of it has data/my pictures, without quotes, and pathlib.Path."""
    (tmp_path / 'mine.py').write_text(TEXT)
    cfg = read_config(tmp_path / 'mine.py')
    expected = dict(
        root='data/my pictures',
        model=dict(type='Nothing', sizes=(1, 2)),
        train_dataloader=dict(
            dataset=dict(
                data_root='data/my pictures', folders=[dict(place='data/my pictures/a'), 3]
            )
        ),
        load_from='/weights.pth',
    )
    assert cfg.to_dict() == expected
    assert isinstance(cfg.load_from, str)
    cfg.dump(tmp_path / 'saved.py')
    assert Config.fromfile(tmp_path / 'saved.py').to_dict() == expected


def test_configs_of_imports_stay_as_they_are(tmp_path):
    """mmengine's other kind of configs, whose classes are imported when they are asked for."""
    (tmp_path / 'mine.py').write_text(
        'from mmengine.config import read_base\nfrom nowhere_to_be_found import Nothing\n\n'
        'with read_base():\n    from .base import *\n\nmodel = dict(type=Nothing)\n'
    )
    (tmp_path / 'base.py').write_text('work_dir = "there"\n')
    cfg = read_config(tmp_path / 'mine.py')
    assert cfg.work_dir == 'there'
    assert cfg.pretty_text.replace('"', "'").count("'nowhere_to_be_found.Nothing'") == 1
