"""examples/peer: the independent codec in its own environment, as any decoder of the makers' own."""

from pathlib import Path

import pytest
from helpers import example_runs
from helpers.update_sessions import SEQUENCES, bits_of

from nnc_conformance.suites.checking.check import check_decoder
from nnc_conformance.suites.checking.probes import composed_probes
from nnc_conformance.suites.checking.sample_probes import sample_probes
from nnc_conformance.suites.decoders.host import DecoderHost
from nnc_conformance.suites.decoders.load import load_decoder
from nnc_conformance.suites.results.fault_table import Fault
from nnc_conformance.suites.sandbox.limits import Limits

DECODER = example_runs.EXAMPLES / "peer" / "decoder.toml"


def test_the_peer_has_what_it_declares(tmp_path: Path) -> None:
    """And reads on where some payloads have been cut."""
    check = check_decoder(str(DECODER), limits=Limits(), suite=composed_probes(tmp_path))
    faults = {finding.fault: finding for finding in check.findings}
    assert set(faults) <= {Fault.ACCEPTED_BAD, Fault.NOT_UNSUPPORTED, Fault.NO_CATEGORY, Fault.UNDECLARED}
    assert check.errors == 1
    assert faults[Fault.ACCEPTED_BAD].vectors == ("probe-block-cut", "probe-dq-float-cut")
    assert all(shown.passed == shown.probes > 0 for shown in check.capabilities.values() if shown.declared)


@pytest.mark.parametrize(("names", "count"), [("s3-*", 99), ("[0-9bi]*", 84)], ids=["its own", "agreed"])
def test_the_peer_decodes_the_samples(tmp_path: Path, names: str, count: int) -> None:
    """But for the three whose missing key its front end must be supplied with."""
    example_runs.agrees_with_other_codecs(DECODER, tmp_path, count, names)


def test_the_peer_has_what_it_declares_of_the_second_edition(tmp_path: Path) -> None:
    check = check_decoder(str(DECODER), limits=Limits(), suite=sample_probes(tmp_path))
    assert {finding.fault for finding in check.findings} <= {Fault.ACCEPTED_BAD, Fault.NO_CATEGORY, Fault.UNDECLARED}
    for capability in ("second-edition", "row-skip", "updates", "tca", "hdsp", "pre"):
        shown = check.capabilities[capability]
        assert shown.declared
        assert shown.passed == shown.probes > 0, capability


def test_the_peer_decodes_sessions(tmp_path: Path) -> None:
    """All but those with decomposed weights, whose recomposition fails in its front end."""
    names = [name for name in SEQUENCES if not name.startswith("by-the-peer/n-")]
    assert len(names) > 100
    with DecoderHost(Limits(), tmp_path) as host:
        for name in names:
            executions = host.decode_session(load_decoder(str(DECODER)), SEQUENCES[name].streams)
            decoded = [execution.tensors or {} for execution in executions]
            assert list(map(bits_of, decoded)) == list(map(bits_of, SEQUENCES[name].tensors)), name
