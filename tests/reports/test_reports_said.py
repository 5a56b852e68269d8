"""The words of a decoder that refuses a good stream stand wherever its failure does."""

from pathlib import Path

import pytest
from helpers.command_line import nnc
from hostile import support

SAID = "no room for <3> & more"
PAGES = ("report.html", "report.md", "junit.xml")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("suite")
    support.write_suite(root, support.good_vectors(1) + support.bad_vectors())
    return root


def shown(folder: Path) -> list[str]:
    """How often each page has the decoder's words, with the escapes of HTML and XML."""
    texts = [(folder / "out" / page).read_text().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for page in PAGES]
    return [page for page, text in zip(PAGES, texts, strict=True) if SAID in text]


def test_the_message_of_a_function(root: Path, tmp_path: Path) -> None:
    (tmp_path / "refusing.py").write_text(f"def decode(stream):\n    raise ValueError({SAID!r})\n")
    decoder = support.decoder_toml(tmp_path, "refusing", "python", "refusing:decode")
    done = nnc("run", root, "--decoder", decoder, "--output", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert f"    message: ValueError: {SAID}\n" in done.stdout
    assert done.stdout.count(SAID) == 1
    assert shown(tmp_path) == list(PAGES)


def test_the_standard_error_of_a_command(root: Path, tmp_path: Path) -> None:
    (tmp_path / "refusing.sh").write_text(f"#!/bin/sh\necho '{SAID}' >&2\nexit 65\n")
    (tmp_path / "refusing.sh").chmod(0o755)
    done = nnc("run", root, "--decoder", f"command:{tmp_path}/refusing.sh {{stream}} {{output}}", "--output", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert f"    stderr: {SAID}\n" in done.stdout
    assert shown(tmp_path) == list(PAGES)
