"""Probes of the second edition, taken from sessions on which two independent codecs agree.

They stand in for capabilities that the built-in vectors do not try. benchmarks/sample_probes.py
makes the archive.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from nnc_conformance.storage.suite_folder import StoredVector, Suite, load_suite
from nnc_conformance.suites.checking.probes import chosen, counted

SAMPLES: Final = Path(__file__).with_name("samples.zip")
"""A suite folder in an archive."""


def sample_probes(folder: Path, others: Iterable[StoredVector] = ()) -> Suite:
    """Unpack the packaged sample streams into a folder; return those to use as probes.

    They are those whose capabilities or categories ``others`` do not try often enough.

    Args:
        folder: The folder.
        others: The probes that are used anyway.
    """
    with ZipFile(SAMPLES) as archive:
        archive.extractall(folder)
    suite = load_suite(folder)
    return replace(suite, vectors=chosen(suite.vectors, counted(others)))
