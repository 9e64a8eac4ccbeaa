"""Lets the tests below import their helper modules, and runs the small networks on one thread."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def small_networks(one_thread) -> None:
    """One thread for all of them."""
