"""Measure robustness; keeps the figures in docs/robustness.json and writes docs/robustness.md.

    python benchmarks/robustness.py [--part NAME]... [--trials N] [--executions N] [--seed N]

Parts: ``crash`` (kills at random moments), ``volume`` (fuzzing with compiled kernels), ``guided``
(fuzzing by coverage; needs Atheris), ``bounds`` (bounds-checked and uncompiled kernels),
``commands`` (the README's two commands in fresh clones, including set-up). Without ``--part`` only
the page is written. The exit code is 1 if a promise was broken.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
FIGURES, PAGE = ROOT / "docs" / "robustness.json", ROOT / "docs" / "robustness.md"
"""File with all figures."""
LIMITS = {"main command": 180, "tests command": 720}
"""Seconds that each of the README's commands may take on two cores."""

sys.path.insert(0, str(TESTS))


def crash(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Kill each command at random moments and complete it.

    Raises:
        AssertionError: If a promise was broken.
    """
    from crash.commands import COMMANDS

    rows = []
    for name, command in COMMANDS.items():
        with tempfile.TemporaryDirectory() as work, command(Path(work)) as prepared:
            tally = prepared.try_out(arguments.seed, arguments.trials)
        rows.append({"command": name, "seed": arguments.seed, "moments": tally.trials, "killed": tally.killed, "whole": tally.stood_whole})
        print(rows[-1], flush=True)
    return rows


def _by_module(module: str, *words: str) -> list[dict[str, Any]]:
    """Run a module of tests/fuzzing and return the record that it writes."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        environment = os.environ | {"PYTHONPATH": str(TESTS)}
        subprocess.run([sys.executable, "-m", f"fuzzing.{module}", *words, "--json", str(record)], env=environment, check=False)
        rows: list[dict[str, Any]] = json.loads(record.read_text())
    return rows


def volume(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Fuzz with compiled kernels."""
    return _by_module("volume", "--executions", str(arguments.executions), "--seed", str(arguments.seed))


def guided(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Fuzz with Atheris."""
    return _by_module("guided", "--executions", str(arguments.executions), "--seed", str(arguments.seed))


def bounds(_: argparse.Namespace) -> list[dict[str, Any]]:
    """Decode all vectors with three builds of the kernels."""
    return _by_module("bounds")


def commands(_: argparse.Namespace) -> list[dict[str, Any]]:
    """Run the README's commands in fresh clones."""
    rows = []
    found = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    for name, command in zip(LIMITS, found, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder) / "clone"
            subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
            start = time.monotonic()
            process = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=clone, check=False)
            rows.append({"command": name, "exit": process.returncode, "seconds": round(time.monotonic() - start)})
            rows[-1]["load"] = [round(load, 1) for load in os.getloadavg()]
        print(rows[-1], flush=True)
    return rows


PARTS: dict[str, Callable[[argparse.Namespace], list[dict[str, Any]]]] = {
    "crash": crash,
    "volume": volume,
    "guided": guided,
    "bounds": bounds,
    "commands": commands,
}
"""Functions that measure, by part."""


def table(headings: str, rows: list[list[Any]]) -> list[str]:
    """Write a Markdown table with numbers aligned to the right."""
    names = headings.split(" | ")
    numeric = [all(isinstance(row[column], int | float) for row in rows) for column in range(len(names))]
    lines = [f"| {headings} |", "|" + "|".join("---:" if is_number else "---" for is_number in numeric) + "|"]
    cells = [
        [f"{cell:,}" if isinstance(cell, int) else f"{cell:,.0f}" if isinstance(cell, float) else cell for cell in row] for row in rows
    ]
    return [*lines, *("| " + " | ".join(row) + " |" for row in cells), ""]


def _findings(row: dict[str, Any]) -> str:
    """List the findings of a row."""
    return ", ".join(row["findings"]) or "none"


def crash_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Write the section about kills."""
    made = [[row["command"], row["moments"], row["killed"], row["whole"], row["seed"]] for row in rows]
    return [
        "`kill -9` at random moments from a seed: half after a random time, half right before the n-th change that the command makes to",
        "the file system. After each kill the output is either refused or complete with all hashes, and running the command again",
        "(`run` with `--resume`) leaves the same files with the same bytes as an undisturbed run. An older output exists at the start.",
        "After `decode --state` the state holds the step before or the new one, and the new one only with the model that belongs to it.",
        "",
        *table("command | moments | killed before the end | complete when killed | seed", made),
    ]


def volume_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Write the section about fuzzing for volume."""
    made = [[r["target"], r["executions"], r["executions"] / max(r["seconds"], 1e-9), _findings(r), r["seed"]] for r in rows]
    total = sum(row["executions"] for row in rows)
    return [
        f"{total:,} executions with compiled kernels. Inputs are valid ones with changed bytes, or changed syntax for streams, results and",
        "certificates (whose seal is renewed). An execution may return or raise an `NNCError`; any other error, the end of the",
        "process, 2 s of CPU time, or 256 MiB more than valid inputs need are findings.",
        "",
        *table("target | executions | per second | findings | seed", made),
    ]


def guided_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Write the section about fuzzing by coverage."""
    made = [[row["target"], row["executions"], row["seconds"], row["edges"], _findings(row), row["seed"]] for row in rows]
    return [
        f"{sum(row['executions'] for row in rows):,} executions with Atheris, guided by the coverage of the package's own sources. The",
        "kernels run uncompiled, so that their coverage guides it too.",
        "",
        *table("target | executions | seconds | edges covered | findings | seed", made),
    ]


def bounds_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Write the section about bounds checks."""
    made = [[row["level"], *row["decodes"].values(), ", ".join(row["differing"]) or "none"] for row in rows]
    return [
        "Decodes of the vectors of each level, strict and lenient, by three builds of the same sources: compiled as usual; compiled",
        "with bounds checks (`NUMBA_BOUNDSCHECK=1`); uncompiled, where the Python twins of machine instructions assert that they",
        "stay inside their arrays (streams of up to 20,000 bytes). Each must give the same tensors or the same refusal.",
        "",
        *table("level | compiled | bounds-checked | uncompiled | out of bounds or different", made),
    ]


def commands_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Write the section about the README's commands."""
    made = [[r["command"], r["seconds"], LIMITS[r["command"]], str(r["exit"]), " ".join(map(str, r["load"]))] for r in rows]
    return [
        "The README's two commands, each in a fresh clone, including set-up. The load is that of the machine at the end",
        "(1, 5, 15 minutes).",
        "",
        *table("command | seconds | limit | exit code | load", made),
    ]


SECTIONS: dict[str, tuple[str, Callable[[list[dict[str, Any]]], list[str]]]] = {
    "crash": ("Killed at random moments", crash_lines),
    "volume": ("Fuzzing for volume", volume_lines),
    "guided": ("Fuzzing by coverage", guided_lines),
    "bounds": ("Out of bounds", bounds_lines),
    "commands": ("From a fresh clone", commands_lines),
}
"""Headings and functions that write a section, by part."""


def page(figures: dict[str, list[dict[str, Any]]]) -> str:
    """Write the page in Markdown."""
    lines = ["# Robustness", "", "Written by `benchmarks/robustness.py` from the figures in [robustness.json](robustness.json).", ""]
    found = sorted(path for path in (TESTS / "fuzzing" / "found").rglob("*") if path.is_file())
    for part, (title, render) in SECTIONS.items():
        if part in figures:
            lines += [f"## {title}", "", *render(figures[part])]
    lines += [
        "## What was found",
        "",
        "Found by fuzzing, and by reading the sources for what fuzzing should find. Each fault is corrected, and its input is kept in",
        "`tests/fuzzing/found` for a test:",
        "",
        *(f"- {path.parent.name}: {path.name}" for path in found),
    ]
    return "\n".join(lines) + "\n"


def broken(rows: list[dict[str, Any]]) -> bool:
    """Whether the figures of a part break a promise."""
    return any(row.get("findings") or row.get("differing") or row.get("exit") for row in rows)


def main() -> int:
    """Measure the given parts, write the page, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="measure this part; repeatable")
    parser.add_argument("--trials", type=int, default=50, metavar="N", help="kills of each command (default %(default)s)")
    parser.add_argument(
        "--executions",
        type=int,
        default=1_000_000,
        metavar="N",
        help="executions of all targets together, in each way of fuzzing (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=19, metavar="N", help="seed of all random choices (default %(default)s)")
    parser.add_argument("--commands", action="store_true", help="same as --part commands")
    arguments = parser.parse_args()
    figures: dict[str, list[dict[str, Any]]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for part in dict.fromkeys([*(arguments.part or ()), *(["commands"] if arguments.commands else [])]):
        figures[part] = PARTS[part](arguments)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(page(figures), encoding="utf-8")
    return int(any(map(broken, figures.values())))


if __name__ == "__main__":
    sys.exit(main())
