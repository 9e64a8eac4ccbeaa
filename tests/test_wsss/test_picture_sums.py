"""Sums over pictures; that those of several processes are the same: the evaluations' tests."""

from bas_mm.wsss.picture_sums import sum_over_pictures


def test_few_pictures_need_no_worker_processes():
    """Which could not be handed this function."""
    pictures = [(number,) for number in range(16)]
    assert sum_over_pictures(lambda number: number, pictures, 'Test', num_workers=2) == 120
