"""Sessions of the second edition, ours and the peer's, with all combinations of tools, through one
process of the peer.
"""

import os
from collections.abc import Iterator

import pytest
from interop.judging import Outcome
from interop.sessions import TOOLS, SessionCase, SessionPeer, judged_session, session_cases

CASES = session_cases(2 ** len(TOOLS))


@pytest.fixture(scope="module")
def peer() -> Iterator[SessionPeer]:
    with SessionPeer(os.environ["NNC_PEER_PYTHON"]) as running:
        yield running


@pytest.mark.parametrize("case", CASES, ids=[f"{case.maker}-{'-'.join(case.tools) or 'plain'}" for case in CASES])
def test_a_session(case: SessionCase, peer: SessionPeer) -> None:
    rows = judged_session(case, peer)
    assert [row.outcome for row in rows] == [Outcome.AGREE] * len(rows), rows


def test_every_pair_of_tools_is_there() -> None:
    assert {case.tools for case in CASES if len(case.tools) == 2} == {
        (first, second) for place, first in enumerate(TOOLS) for second in TOOLS[place + 1 :]
    }
