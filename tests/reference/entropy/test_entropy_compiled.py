"""Compiled and uncompiled code agree, and machine code never outlives the source that it came from."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nnc_conformance import reference

FIXTURES = Path(__file__).parents[2] / "data" / "peer-codewords"

AGREE = """
import sys
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file
from nnc_conformance.reference.entropy import plain
from nnc_conformance.reference.entropy.codeword import TensorCoding, TensorToCode, encode_codeword
from nnc_conformance.reference.entropy.indices import decode_indices
assert not hasattr(plain.code_bin, "py_func"), "compiled"
for name, dq, scan, unary in (("dq0-scan0-unary1", False, 0, 1), ("dq1-scan2-unary32", True, 2, 32), ("dq0-scan2-unary1", False, 2, 1)):
    tensors = load_file(Path(sys.argv[1]) / f"{name}.safetensors")
    decoded = decode_indices(tensors["payload"], tensors["q"].shape, dq=dq, scan_order=scan, unary_length=unary)
    assert (decoded == tensors["q"]).all(), name
    coding = TensorCoding(*decoded.shape, scan, dq, unary, 6)
    print(encode_codeword([TensorToCode(coding, decoded, -32, "search")]).hex())
"""

CODE = """
import sys
import numpy as np
from nnc_conformance.reference.entropy import codeword, plain
assert plain.__file__.startswith(sys.argv[1]), plain.__file__
coding = codeword.TensorCoding(6, 8, 0, False, 3, 0)
print(codeword.encode_codeword([codeword.TensorToCode(coding, np.arange(-24, 24))]).hex())
try:
    print(codeword.decode_codeword(bytes.fromhex(sys.argv[2]), [coding]).tensors[0].indexes.tolist())
except codeword.CodewordError as error:
    print(error.rule)
"""


def run(script, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )


@pytest.mark.slow
def test_uncompiled_source_gives_the_same_without_warnings():
    compiled = run(AGREE.replace("assert not", "assert "), FIXTURES)
    plain_source = run(AGREE, FIXTURES, NUMBA_DISABLE_JIT="1")
    assert plain_source.stdout == compiled.stdout
    assert plain_source.stdout.count("\n") == 3


@pytest.mark.exhaustive
def test_edited_callees_and_tables_are_not_served_from_the_cache(tmp_path):
    import numpy as np

    from nnc_conformance.reference.entropy.indices import encode_indices

    values = np.arange(-24, 24).reshape(6, 8)
    payload = encode_indices(values, dq=False, scan_order=0, unary_length=3, parameter_sets="default").hex()
    package = tmp_path / "source" / "nnc_conformance" / "reference"
    package.mkdir(parents=True)
    original = Path(reference.__path__[0])
    shutil.copytree(original / "entropy", package / "entropy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(original / "errors.py", package)
    (package / "__init__.py").touch()

    def outcome():
        return run(
            CODE,
            tmp_path,
            payload,
            PYTHONPATH=str(package.parent.parent),
            NNC_CACHE_DIR=str(tmp_path / "cache"),
            PYTHONDONTWRITEBYTECODE="1",
        ).stdout.splitlines()

    def edit(file, old, new):
        path = package / "entropy" / file
        text = path.read_text()
        assert text.count(old) == 1
        times = path.stat().st_atime_ns, path.stat().st_mtime_ns
        path.write_text(text.replace(old, new))
        os.utime(path, ns=times)

    usual = outcome()
    assert usual == [payload, str(values.reshape(-1).tolist())]
    edit("contexts.py", "SHIFT_0] + 4", "SHIFT_0] + 5")
    edited_callee = outcome()
    edit("contexts.py", "SHIFT_0] + 5", "SHIFT_0] + 4")
    edit("tables.py", "228, 200, 174", "227, 200, 174")
    edited_table = outcome()
    assert len({usual[0], edited_callee[0], edited_table[0]}) == 3
    assert usual[1] not in (edited_callee[1], edited_table[1])


@pytest.mark.slow
def test_an_unwritable_cache_folder_is_one_line_on_stderr(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    (tmp_path / "kernels.py").write_text(KERNELS)
    done = run("import kernels", NNC_CACHE_DIR=str(blocked), PYTHONPATH=str(tmp_path))
    assert done.stdout == "2 3\n"
    assert done.stderr.count("\n") == 1
    assert "compiled code is not kept" in done.stderr


KERNELS = """
from nnc_conformance.reference.entropy.compiled import kernel
@kernel
def one(x):
    return x + 1
@kernel
def two(x):
    return x + 2
print(one(1), two(1))
"""
COUNTED = "import kernels, nnc_conformance.reference.entropy.compiled as own; print(own.compiled_here())"


@pytest.mark.slow
def test_the_first_compilation_is_one_line_on_stderr(tmp_path):
    (tmp_path / "kernels.py").write_text(KERNELS)
    said = [run("import kernels", NNC_CACHE_DIR=str(tmp_path / "cache"), PYTHONPATH=str(tmp_path)) for _ in range(2)]
    assert [done.stdout for done in said] == ["2 3\n"] * 2
    assert said[0].stderr.startswith("nnc-conformance: compiling for the first time")
    assert [done.stderr.count("\n") for done in said] == [1, 0]


@pytest.mark.slow
def test_kernels_that_are_loaded_do_not_count_as_compiled(tmp_path):
    (tmp_path / "kernels.py").write_text(KERNELS)
    said = [run(COUNTED, NNC_CACHE_DIR=str(tmp_path / "cache"), PYTHONPATH=str(tmp_path)).stdout for _ in range(2)]
    assert said == ["2 3\n2\n", "2 3\n0\n"]
    (tmp_path / "file").touch()
    assert run(COUNTED, NNC_CACHE_DIR=str(tmp_path / "file"), PYTHONPATH=str(tmp_path)).stdout == "2 3\n2\n"


@pytest.mark.slow
def test_a_copy_of_the_sources_is_not_compiled_again(tmp_path):
    kept = []
    for name in ("first", "second"):
        sources = tmp_path / name / "sources"
        sources.mkdir(parents=True)
        (sources / "kernels.py").write_text(KERNELS)
        assert run("import kernels", NNC_CACHE_DIR=str(tmp_path / "cache"), PYTHONPATH=str(sources)).stdout == "2 3\n"
        kept.append({path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.nb?")})
    assert kept[0] == kept[1] != {}


@pytest.mark.slow
def test_code_is_not_loaded_from_a_folder_that_others_can_write_to(tmp_path):
    (tmp_path / "kernels.py").write_text(KERNELS)
    cache = tmp_path / "cache"
    run("import kernels", NNC_CACHE_DIR=str(cache), PYTHONPATH=str(tmp_path))
    (folder,) = cache.iterdir()
    folder.chmod(0o777)
    done = run("import kernels", NNC_CACHE_DIR=str(cache), PYTHONPATH=str(tmp_path))
    assert done.stdout == "2 3\n"
    assert "others can write to" in done.stderr
