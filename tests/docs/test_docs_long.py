"""The documentation's pages with long or many commands."""

from pathlib import Path

import pytest
from helpers import docs_commands


@pytest.mark.slow
@pytest.mark.parametrize("page", docs_commands.LONG)
def test_the_commands_of_a_page_run(page: str, tmp_path: Path) -> None:
    docs_commands.run(page, tmp_path)
