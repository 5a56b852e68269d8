"""Reading docs/coverage.md."""

import re

from helpers.checkout import ROOT


def not_needed() -> frozenset[str]:
    """Read the vectors of core that the page lists as needed for nothing."""
    lines = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8").splitlines()
    listed = [name for line in lines if line.startswith("Not needed: ") for name in re.findall("`([^`]+)`", line)]
    assert len(set(listed)) == len(listed)
    return frozenset(listed)
