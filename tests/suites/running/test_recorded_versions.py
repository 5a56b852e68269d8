"""Tests of the package versions that ``run.json`` records."""

from importlib.metadata import requires

from packaging.requirements import Requirement

from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.suites.running.decoder_run import RECORDED_DISTRIBUTIONS


def test_every_recorded_distribution_comes_with_a_plain_installation() -> None:
    """A version is looked up only where ``pip install nnc-conformance``, without extras, installs
    the package.
    """
    needed = [Requirement(line) for line in requires(DISTRIBUTION) or ()]
    plain = {requirement.name for requirement in needed if requirement.marker is None or requirement.marker.evaluate({"extra": ""})}
    assert len(plain) > 10
    assert set(RECORDED_DISTRIBUTIONS) <= plain | {DISTRIBUTION}
