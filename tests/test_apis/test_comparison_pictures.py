"""Which test pictures show methods side by side."""

from bas_mm.apis.comparison_pictures import spread


def test_classes_come_in_turn_and_early_pictures_first():
    labels = [1, 1, 0, 2, 0, 1]
    assert spread(labels, 6) == [2, 0, 3, 4, 1, 5]
    assert spread(labels, 2) == [2, 0]
    assert spread(labels, 9) == spread(labels, 6)
