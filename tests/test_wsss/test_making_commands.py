"""Which command makes a folder."""

import pytest

from bas_mm.wsss.making_commands import mask_command, seed_command


@pytest.mark.parametrize(
    ('settings', 'made', 'fused'),
    [
        (None, True, True),
        ('{', True, True),
        ('3', True, True),
        ('{"scales": [1.0]}', True, False),
        ('{"seeds": "bas_seeds", "fuse": "cam_seeds"}', False, True),
    ],
)
def test_of_seeds(tmp_path, settings, made, fused):
    folder = tmp_path / 'seeds'
    if settings is not None:
        folder.mkdir()
        (folder / 'seeds.json').write_text(settings)
    said = seed_command(folder)
    assert (f'tools/wsss/make_seeds.py CONFIG CHECKPOINT {folder}' in said) == made
    assert (f'tools/wsss/fuse_seeds.py SEEDS MAPS {folder}' in said) == fused


def test_of_masks():
    assert mask_command('a') == 'tools/wsss/make_masks.py IRN_CONFIG CHECKPOINT SEEDS a'
