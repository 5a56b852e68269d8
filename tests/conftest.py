"""What a plain run collects, and how workers share the machine.

Some tests need an environment of their own (see noxfile.py), or an extra.
"""

import os
from importlib.util import find_spec

import numpy as np
import pytest
from helpers.parts import divide, parts
from hypothesis import settings

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

collect_ignore = [
    *([] if os.environ.get("NNC_PEER_PYTHON") else ["interop"]),
    *([] if os.environ.get("NNC_NODE_MODULES") else ["browser"]),
    *([] if os.environ.get("NNC_EXAMPLES") else ["examples"]),
    *([] if os.environ.get("NNC_DOCKERD") else ["containers"]),
    *([] if os.environ.get("NNC_SMALLEST") else ["smallest"]),
    *([] if find_spec("distributed") else ["suites/running/test_suites_dask.py"]),
    *([] if find_spec("torch") else ["reference/reduction/test_reduction_trained.py", "reference/topology/test_topology_pytorch.py"]),
    *([] if find_spec("keras") else ["reference/topology/test_keras.py"]),
    *([] if find_spec("nnef") else ["reference/topology/test_nnef_package.py"]),
    *([] if find_spec("magika") and find_spec("silero_vad") else ["wild"]),
]

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
"""Name of this worker of pytest-xdist: gw0 and so on, or empty without workers."""

if _WORKER and os.environ["PYTEST_XDIST_WORKER_COUNT"] != "1" and hasattr(os, "sched_setaffinity"):
    # One CPU for each worker: runs of the suite within a test then start one process, not one for each CPU.
    # A single worker may use any, since another test run may be using the first.
    _cpus = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cpus[int(_WORKER.removeprefix("gw")) % len(_cpus)]})


def pytest_report_header() -> list[str]:
    """Print which part of the long tests runs, and how to repeat it."""
    chosen = parts()
    return [] if chosen is None else [f"part {chosen[0]} of {chosen[1]} of the long tests: NNC_PARTS={chosen[1]} NNC_PART={chosen[0]}"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests that are not in the chosen part."""
    if (chosen := parts()) is not None:
        items[:], left = divide(items, *chosen)
        config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="session", autouse=True)
def share_compilation() -> None:
    """Compile what decodes in the first worker and what encodes in the second, if nothing is
    compiled yet.
    """
    from nnc_conformance.reference.entropy.compiled import kernels_kept

    if _WORKER not in ("gw0", "gw1") or kernels_kept():
        return
    if _WORKER == "gw0":
        from nnc_conformance.suites.decoders.python_worker import WARM_UP, decode_with_reference

        decode_with_reference(WARM_UP)
    else:
        from nnc_conformance.reference import EncoderOptions, encode

        tensors = {"w": np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)}
        for dq in (False, True):
            encode(tensors, options=EncoderOptions(dq=dq))
