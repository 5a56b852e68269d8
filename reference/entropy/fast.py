"""The fast kernel of a tensor's indexes: what it cannot do, or meets a broken rule in, it leaves to the plain one."""

import numpy as np
import numpy.typing as npt

from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.contexts import ContextLayout
from nnc_conformance.reference.entropy.fast_decoder import ENGINE, SCRATCH, decode_tensor
from nnc_conformance.reference.entropy.kernel_tables import IntArray
from nnc_conformance.reference.entropy.machine import machine


def quant_tensor(
    coder: plain.Coder, layout: ContextLayout, area: plain.ScanArea, indexes: npt.NDArray[np.int32], entry_points: IntArray
) -> None:
    """`plain.quant_tensor`, with the same outcome in all but speed."""
    if coder.registers[plain.MODE] == plain.DECODE:
        made = machine(coder.tables, layout)
        if made is not None and decode_tensor(
            made,
            (coder.registers, coder.payload, coder.parameter_sets[0]),
            layout,
            area,
            (indexes, entry_points, np.empty(SCRATCH, np.int32), np.empty(ENGINE, np.uint64)),
        ):
            return
    plain.quant_tensor(coder, layout, area, indexes, entry_points)
