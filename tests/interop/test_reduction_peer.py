"""The independent codec reads blocks of local scaling as we do."""

import numpy as np
import pytest
from helpers.peer_driver import Peer
from helpers.reduction_networks import packaged

from nnc_conformance.reference import EncoderOptions, decode
from nnc_conformance.reference.reduction.batch_norm import BatchNormFolding, fold
from nnc_conformance.reference.reduction.document import validate
from nnc_conformance.reference.reduction.network import Network
from nnc_conformance.reference.reduction.pipeline import run
from nnc_conformance.reference.reduction.tool import Resources


@pytest.mark.parametrize("dq", [False, True])
def test_the_codec_decodes_scaled_blocks_of_a_folded_network(peer: Peer, dq: bool) -> None:
    folded = fold(packaged("digits-cnn"), BatchNormFolding(), Resources()).network
    quantization = {"tool": "quantization", "qp": -13, "nonweight_qp": -16, "dq": dq, "scan_order": 1}
    stream = run(Network(folded.parameters), validate([quantization, "local_scaling"]), EncoderOptions()).stream
    theirs, ours = peer.decode(stream), decode(stream).parameters
    assert "conv1.weight_LS" in ours
    assert set(theirs) == set(ours)
    assert all(np.array_equal(theirs[name], ours[name]) for name in ours)
