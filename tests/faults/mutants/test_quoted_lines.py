"""Seeded bugs quote the source lines that they change: after a change of `reference/` this names
every quote to adapt, all at once.
"""

from helpers.benchmark_modules import benchmark

from nnc_conformance.faults.mutants.fault import Edit, NamedFault
from nnc_conformance.faults.mutants.named.catalogue import faults
from nnc_conformance.faults.mutants.patch import stale_quotes


def test_every_quoted_text_stands_once_in_its_function() -> None:
    stale = stale_quotes([*faults().values(), *benchmark("seeded_bugs").BUGS, *benchmark("seeded_bugs_2024").BUGS])
    assert not stale, "\n".join(["change these quotes to what the functions say today:", *stale])


def test_all_stale_quotes_are_named() -> None:
    gone = Edit("decoder", "no_such_function", "a", "b")
    missing = Edit("entropy.plain", "code_bin", "no such text", "b")
    twice = Edit("entropy.plain", "code_bin", "coder", "b")
    fault = NamedFault("some-fault", "Does something.", ("sig_flag",), (gone, missing, twice))
    assert [line.partition(":")[0] for line in stale_quotes([fault])] == ["some-fault"] * 3
    text = "\n".join(stale_quotes([fault]))
    assert "no_such_function in decoder" in text and "entropy.plain.code_bin has this text 0 times" in text
