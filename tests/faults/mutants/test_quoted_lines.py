"""Seeded bugs quote the source lines that they change: after a change of `reference/` this names
every quote to adapt, all at once.
"""

import importlib.util
from pathlib import Path

from nnc_conformance.faults.mutants.fault import Edit, NamedFault
from nnc_conformance.faults.mutants.named.catalogue import faults
from nnc_conformance.faults.mutants.patch import stale_quotes

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def bugs_of_the_benchmark() -> tuple[NamedFault, ...]:
    """The seeded bugs of benchmarks/seeded_bugs.py, which is not a package."""
    spec = importlib.util.spec_from_file_location("seeded_bugs", BENCHMARKS / "seeded_bugs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: tuple[NamedFault, ...] = module.BUGS
    return found


def test_every_quoted_text_stands_once_in_its_function() -> None:
    stale = stale_quotes([*faults().values(), *bugs_of_the_benchmark()])
    assert not stale, "\n".join(["change these quotes to what the functions say today:", *stale])


def test_all_stale_quotes_are_named() -> None:
    gone = Edit("decoder", "no_such_function", "a", "b")
    missing = Edit("entropy.plain", "code_bin", "no such text", "b")
    twice = Edit("entropy.plain", "code_bin", "coder", "b")
    fault = NamedFault("some-fault", "Does something.", ("sig_flag",), (gone, missing, twice))
    assert [line.partition(":")[0] for line in stale_quotes([fault])] == ["some-fault"] * 3
    text = "\n".join(stale_quotes([fault]))
    assert "no_such_function in decoder" in text and "entropy.plain.code_bin has this text 0 times" in text
