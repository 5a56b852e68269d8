"""The cache of explain: a file that is none is refused, not appended to."""

from pathlib import Path

import pytest

from nnc_conformance.faults.diagnosis.simulation import CacheError, SymptomCache


@pytest.mark.parametrize("data", [b"{}\n", b"- a list\n", b'["cause", "digest", 7]\n', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_cache_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "precious"
    file.write_bytes(data)
    with pytest.raises(CacheError, match="not a cache"):
        SymptomCache(file)
    assert file.read_bytes() == data
