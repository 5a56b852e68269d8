"""Every vector decoded by three builds of the kernels: compiled, compiled with every index checked,
and uncompiled, whose twins of machine instructions assert their bounds. None may leave its arrays,
and all must agree to the bit, with the vectors and among themselves.

    python -m fuzzing.bounds [--level L]... [--most BYTES] [--json FILE]

``--most`` leaves out, for the uncompiled build, streams that are longer: it is some thousand times
slower.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzzing.options import write_record

from nnc_conformance.generator.generate import generate
from nnc_conformance.reference import decode
from nnc_conformance.reference.errors import NNCError
from nnc_conformance.storage.safetensors_format import dump_safetensors
from nnc_conformance.storage.suite_folder import built_in_root, load_suite
from nnc_conformance.storage.vector import Level

BUILDS = {"compiled": {}, "bounds-checked": {"NUMBA_BOUNDSCHECK": "1"}, "uncompiled": {"NUMBA_DISABLE_JIT": "1"}}
LEVELS = (Level.CORE, Level.FULL, Level.STRESS, Level.NEGATIVE)


def outcome(stream: bytes, *, lenient: bool) -> str:
    """A hash of the tensors, or the rule that is broken.

    Anything else that a kernel raises is printed unchanged.
    """
    try:
        decoded = decode(stream, lenient=lenient)
    except NNCError as error:
        return str(error)
    except (IndexError, AssertionError, ValueError, OverflowError) as error:
        return f"out of bounds: {type(error).__name__}: {error}"
    return hashlib.sha256(dump_safetensors(decoded.parameters)).hexdigest()


def decode_all(root: Path, level: Level, most: int) -> dict[str, str]:
    """What becomes of each vector of a level, strictly and leniently."""
    found = {}
    for stored in load_suite(root, levels={level}, verify=False).vectors:
        stream = stored.streams()[-1]
        if len(stream) <= most:
            for lenient in (False, True):
                found[f"{stored.vector.id}{' leniently' * lenient}"] = outcome(stream, lenient=lenient)
    return found


def by_build(root: Path, level: Level, most: int) -> dict[str, tuple[dict[str, str], float]]:
    """The same by each build, in a process of its own, with its seconds."""
    found = {}
    for build, environment in BUILDS.items():
        began = time.monotonic()
        limit = most if build == "uncompiled" else sys.maxsize
        words = [sys.executable, "-m", "fuzzing.bounds", "--one", str(root), "--level", level, "--most", str(limit)]
        done = subprocess.run(words, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True)
        found[build] = json.loads(done.stdout), time.monotonic() - began
    return found


def differing(found: dict[str, tuple[dict[str, str], float]]) -> list[str]:
    """Vectors that left their arrays, or of which a build makes something else than the compiled
    one.
    """
    compiled = found["compiled"][0]
    wrong = {
        name
        for outcomes, _ in found.values()
        for name, what in outcomes.items()
        if what != compiled[name] or what.startswith("out of bounds")
    }
    return sorted(wrong)


def main() -> int:
    """Decodes the levels by all builds, prints a line for each, and returns 1 where anything
    differs.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", action="append", choices=list(Level), help="repeatable; default core, full, stress and negative")
    parser.add_argument("--most", type=int, default=20_000, metavar="BYTES", help="default %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the record goes")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    levels = [Level(level) for level in given.level or LEVELS]
    if given.one is not None:
        print(json.dumps(decode_all(given.one, levels[0], given.most)))
        return 0
    rows, wrong = [], 0
    with tempfile.TemporaryDirectory() as folder:
        published = {entry.level for entry in load_suite(built_in_root(), levels=(), verify=False).manifest.vectors}
        made = [level for level in levels if level not in published]
        if made:
            generate(made, out=Path(folder))
        for level in levels:
            found = by_build(Path(folder) if level in made else built_in_root(), level, given.most)
            differ = differing(found)
            wrong += len(differ)
            decodes = {build: len(outcomes) for build, (outcomes, _) in found.items()}
            rows.append({"level": level, "decodes": decodes, "differing": differ})
            print(
                f"{level}: {decodes} decodes in {[round(spent) for _, spent in found.values()]} s; differing: {differ or 'none'}",
                flush=True,
            )
    write_record(given.json, rows)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
