"""Lets the tests below import the helper modules of the seed steps' tests; one thread."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / 'test_wsss'))


@pytest.fixture(autouse=True)
def small_networks(one_thread) -> None:
    """One thread for all of them."""
