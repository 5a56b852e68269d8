"""One process of the independent codec for the whole session."""

import os
from collections.abc import Iterator

import pytest
from helpers.peer_driver import Peer


@pytest.fixture(scope="session")
def peer() -> Iterator[Peer]:
    with Peer(os.environ["NNC_PEER_PYTHON"]) as running:
        yield running
