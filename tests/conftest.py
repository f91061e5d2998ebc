"""The order in which files begin."""
import pytest

# Files stay on one worker each (loadfile): the longest begin first, so that no worker waits for another at the end.
LONGEST_FIRST = ["test_rehearsal.py", "test_torture.py", "test_stops.py", "test_signals.py", "test_stopping.py", "test_suspension.py",
                 "test_campaign_faults.py", "test_campaign.py", "test_rank_faults.py", "test_attributions.py", "test_inspect_model.py",
                 "test_file_systems.py", "test_command_line.py", "test_attribution_pages.py", "test_methods.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
