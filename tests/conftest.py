"""What tests of the whole repository share."""

import pytest

from recurra_contract.forked import Forked


@pytest.fixture(scope="session")
def forked():
    """Return what starts processes that have imported everything."""
    return Forked()
