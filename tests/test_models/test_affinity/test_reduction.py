import pytest

from bas_mm.models.affinity.reduction import require_groups


def test_channels_and_groups():
    require_groups('model.boundary', channels=1, groups=1)
    require_groups('model.boundary', channels=32, groups=4)
    for wrong in (0, 1.0):
        with pytest.raises(ValueError, match=r'model\.boundary\.channels must be a whole number'):
            require_groups('model.boundary', channels=wrong, groups=1)
        with pytest.raises(ValueError, match=r'model\.boundary\.groups must be a whole number'):
            require_groups('model.boundary', channels=32, groups=wrong)
    with pytest.raises(ValueError, match='channels=32 must be a multiple of model.boundary.groups'):
        require_groups('model.boundary', channels=32, groups=5)
