"""Judges every release of the independent codec's second series, and writes docs/releases.md.

    PYTHONPATH=tests python -m interop.releases FOLDER [RELEASE ...] [--page PAGE]

FOLDER gets an environment for each release, which is made once, and the results; a trial that was
stopped goes on where it was. ``nox -s releases`` runs it. The judging is done by the command line,
as any user would. Exit code 1 if a release could not be judged; the page says why.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "releases.md"
SETUP: Final = ROOT / "tests" / "peer" / "setup"
EXAMPLE: Final = ROOT / "examples" / "peer"
RELEASES: Final = ("2.0.1", "2.0.2", "2.0.3", "2.0.4", "2.1.0", "2.1.1", "2.1.2", "2.1.3")
"""The releases of the second series on PyPI; the first series does not have the second edition."""
FEWEST: Final = 2
"""Releases that the page compares at least."""
LEVELS: Final = ("core", "negative")
COMMAND: Final = (sys.executable, "-m", "nnc_conformance.cli")
JUDGED: Final = (0, 1)
"""Exit codes of a run that judged every case."""

HEAD: Final = """
Every release of the independent codec `nncodec` of its second series, in an environment of its own,
judged by [one driver](../examples/peer) on both editions of the standard: levels core and negative.
Made by `nox -s releases`; not edited by hand.
"""
DECLARED: Final = """
`hdsp` needs a history that the receiver keeps from one stream to the next. Up to 2.1.0 a release
takes none from its caller, so that it decodes only streams that need none.

A release declares those capabilities of the driver's `decoder.toml` of which `check-decoder` found
at least one good stream decoded. A capability that it lacks is not judged, and a release that could
not be judged passes nothing.
"""
FOR_OTHERS: Final = """
## The same page for another codec

Give each release a `decoder.toml` ([decoder protocol](decoder-protocol.md#decodertoml)) with a name
of its own, such as `my-decoder-1.0`, and let `command` start that release. A codec that does not
implement the protocol needs [a short driver](../examples/peer), one for all its releases;
`check-decoder` says what each release can declare. Then judge each, and compare:

```sh
for release in 1.0 1.1; do
    nnc-conformance run --decoder $release/decoder.toml --output results/$release \\
        --level core --level negative || test $? -eq 1
done
nnc-conformance report results/1.0 results/1.1 --releases releases.md || test $? -eq 1
```

`releases.md` has the sections above. An incomplete run ends these commands with exit code 3, and
the page says which cases it lacks. In CI, `run --baseline results/1.1` fails the next release only
on what got worse ([CI](ci.md#only-what-got-worse)).
"""


@dataclass(frozen=True)
class Trial:
    """A release: the folder of its results, the capabilities that it lacks, and why it was not judged, else ""."""

    release: str
    results: Path
    lacks: tuple[str, ...] = ()
    problem: str = ""


def nnc(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command line."""
    return subprocess.run([*COMMAND, *map(str, words)], capture_output=True, text=True, check=False)


def judged(release: str, folder: Path) -> Trial:
    """Install a release, find out what it can declare, and judge it."""
    results, environment = folder / "results" / release, folder / "environments" / release
    if not (environment / "complete").exists():
        made = subprocess.run([str(SETUP), str(environment), release], capture_output=True, text=True, check=False)
        if made.returncode:
            return Trial(release, results, problem=f"it cannot be installed: {last_line(made.stderr)}")
        (environment / "complete").touch()
    file = folder / "decoders" / f"{release}.toml"
    file.parent.mkdir(exist_ok=True)
    described = tomllib.loads((EXAMPLE / "decoder.toml").read_text())
    all_of_them = described["capabilities"]
    write_description(file, release, environment, described["protocol"], all_of_them)
    checked = nnc("check-decoder", file, "--json")
    if checked.returncode not in JUDGED:
        return Trial(release, results, problem=f"it cannot be checked: {last_line(checked.stderr)}")
    passed = {name for name, found in json.loads(checked.stdout)["capabilities"].items() if found["passed"]}
    write_description(file, release, environment, described["protocol"], [name for name in all_of_them if name in passed])
    lacks = tuple(name for name in all_of_them if name not in passed)
    words = ("run", "--decoder", file, "--output", results, *(word for level in LEVELS for word in ("--level", level)))
    run = nnc(*words, "--resume")
    if run.returncode not in JUDGED:  # nothing to resume, or what is there is of another version
        run = nnc(*words)
    problem = "" if run.returncode in JUDGED else f"its run ended with exit code {run.returncode}: {last_line(run.stderr)}"
    return Trial(release, results, lacks, problem)


def write_description(file: Path, release: str, environment: Path, protocol: str, capabilities: Sequence[str]) -> None:
    """Write the decoder.toml of a release."""
    command = f"'{environment / 'bin' / 'python'}' '{EXAMPLE / 'driver.py'}'"
    lines = [f"name = {json.dumps(f'nncodec-{release}')}", f"version = {json.dumps(release)}", 'kind = "worker"']
    lines += [f"command = {json.dumps(command)}", f"protocol = {json.dumps(protocol)}", f"capabilities = {json.dumps(capabilities)}"]
    file.write_text("\n".join(lines) + "\n")


def last_line(text: str) -> str:
    """Return the last line of a message that is not blank."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no message")


def page(trials: Sequence[Trial], compared: str) -> str:
    """Return docs/releases.md, given the page that compares the releases."""
    title, _, rest = compared.partition("\n")
    declared = [f"- `{one.release}` lacks {', '.join(f'`{name}`' for name in one.lacks)}." for one in trials if one.lacks]
    problems = [f"- `{one.release}` was not judged: {one.problem}." for one in trials if one.problem]
    notes = "\n".join([*(declared or ["All judged releases declare all of them."]), *problems])
    return "\n".join([title, HEAD.rstrip("\n"), DECLARED.rstrip("\n"), "", notes, rest.rstrip("\n"), FOR_OTHERS])


def main() -> int:
    """Run the command; return 1 if a release could not be judged."""
    parser = argparse.ArgumentParser(prog="interop.releases", description=__doc__)
    parser.add_argument("folder", type=Path, help="for environments and results")
    parser.add_argument("releases", nargs="*", default=RELEASES, help="releases on PyPI")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    options = parser.parse_args()
    if len(options.releases) < FEWEST:
        parser.error(f"releases are compared with each other: name {FEWEST} or more, or none for all")
    folder = options.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    trials = []
    for release in options.releases:
        trials.append(judged(release, folder))
        print(release, trials[-1].problem or "judged", flush=True)
    compared = folder / "compared.md"
    report = nnc("report", *(one.results for one in trials if not one.problem), "--releases", compared, "--output", folder / "report")
    if report.returncode not in JUDGED:
        sys.stderr.write(report.stderr)
        return 1
    options.page.write_text(page(trials, compared.read_text()))
    return int(any(one.problem for one in trials))


if __name__ == "__main__":
    sys.exit(main())
