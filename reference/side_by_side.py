"""Data units side by side: threads decode payloads while the stream is read on (clause 6: no payload depends on another)."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from math import prod
from typing import Final

import numpy as np

from nnc_conformance.reference.decoder import Decoding
from nnc_conformance.reference.entropy.coding import BinTrace
from nnc_conformance.reference.errors import StreamError
from nnc_conformance.reference.payload import DataUnitDecoder
from nnc_conformance.reference.syntax.context import Unit
from nnc_conformance.reference.syntax.structures.data_unit import DataUnitHeader

WORTHWHILE: Final = 100_000
"""Weights below which handing a unit to a thread costs more than it saves."""


@dataclass
class _Begun:
    """A unit that is to be decoded: what it gives, or how it fails, once it is begun; and what a lenient decoder forgives in it."""

    header: DataUnitHeader
    reports: list[StreamError]
    work: Callable[[], dict[str, np.ndarray]]
    tensors: Future[dict[str, np.ndarray]] | None = None


@dataclass
class SideBySide(Decoding):
    """A `Decoding` whose NDUs are decoded by threads, as many at once as there are, and kept in the order of the stream.

    A large unit waits for another: one alone is decoded where its turn comes, without a thread of its own.

    A unit's error is raised when its turn comes: `finish` has to be called where reading ends, also where it ends in an error, so that the
    first error of the stream is the one that is told.
    """

    threads: int = 2
    begun: deque[_Begun] = field(default_factory=deque)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads)

    def take_data(self, unit: Unit, header: DataUnitHeader, trace: BinTrace | None = None) -> None:
        """Begins to decode the tensors of an NDU within the limits; a small one is done at once where none is begun."""
        small = prod(header.dimensions) < WORTHWHILE
        if small and not self.begun:
            super().take_data(unit, header, trace)
            return
        self.admit(unit, header)
        reports: list[StreamError] = []
        new = _Begun(header, reports, partial(_tensors, replace(self.payloads, reports=reports), unit, trace))
        if not small and self.begun:
            for begun in (*self.begun, new):
                begun.tensors = begun.tensors or self._pool.submit(begun.work)
        self.begun.append(new)
        while len(self.begun) > 2 * self.threads:
            self._keep_first()

    def finish(self) -> None:
        """Waits for all units; raises the `StreamError` of the first that has one."""
        try:
            while self.begun:
                self._keep_first()
        finally:
            if "_pool" in self.__dict__:
                self._pool.shutdown(cancel_futures=True)
        self.payloads.reports.sort(key=lambda report: report.place.unit)

    def _keep_first(self) -> None:
        first = self.begun.popleft()
        self.keep(first.header, first.tensors.result() if first.tensors else first.work())
        self.payloads.reports.extend(first.reports)


def _tensors(payloads: DataUnitDecoder, unit: Unit, trace: BinTrace | None) -> dict[str, np.ndarray]:
    return dict(payloads.tensors(unit, trace))
