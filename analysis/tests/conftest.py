"""Fixtures: one synthetic campaign for all tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from synthetic import Recipe  # noqa: E402
from synthetic_campaign import RECIPES, write_campaign  # noqa: E402


@pytest.fixture(scope="session")
def campaign_file(tmp_path_factory) -> Path:
    """A campaign of eight cells and one that is missing. Read only."""
    return write_campaign(tmp_path_factory.mktemp("campaign"), RECIPES, [Recipe("tv", "qwen3-14b")])
