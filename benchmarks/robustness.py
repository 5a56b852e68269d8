"""Measures what holds when things go wrong, keeps the figures in docs/robustness.json, and writes docs/robustness.md from them.

    python benchmarks/robustness.py [--part NAME]... [--trials N] [--executions N] [--seed N]

Parts: ``crash`` (kills at random moments), ``volume`` (fuzzing with compiled kernels), ``guided`` (fuzzing by coverage; needs Atheris),
``bounds`` (bounds-checked and uncompiled kernels), ``commands`` (the README's two commands in fresh clones, set-up included; only when
asked for). Without ``--part`` the page alone is written anew. Exit code 1 where a promise was broken.
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
LIMITS = {"main command": 180, "tests command": 720}
"""Seconds that each of the README's commands may take on two cores."""

sys.path.insert(0, str(TESTS))


def crash(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Kills each command at random moments and completes it; an `AssertionError` where a promise was broken."""
    from crash.commands import COMMANDS

    rows = []
    for name, command in COMMANDS.items():
        with tempfile.TemporaryDirectory() as work, command(Path(work)) as prepared:
            tally = prepared.try_out(given.seed, given.trials)
        rows.append({"command": name, "seed": given.seed, "moments": tally.trials, "killed": tally.killed, "whole": tally.stood_whole})
        print(rows[-1], flush=True)
    return rows


def _by_module(module: str, *words: str) -> list[dict[str, Any]]:
    """The record that a module of tests/fuzzing writes."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record.json"
        environment = os.environ | {"PYTHONPATH": str(TESTS)}
        subprocess.run([sys.executable, "-m", f"fuzzing.{module}", *words, "--json", str(record)], env=environment, check=False)
        rows: list[dict[str, Any]] = json.loads(record.read_text())
    return rows


def volume(given: argparse.Namespace) -> list[dict[str, Any]]:
    return _by_module("volume", "--executions", str(given.executions), "--seed", str(given.seed))


def guided(given: argparse.Namespace) -> list[dict[str, Any]]:
    return _by_module("guided", "--executions", str(given.executions), "--seed", str(given.seed))


def bounds(_: argparse.Namespace) -> list[dict[str, Any]]:
    return _by_module("bounds")


def commands(_: argparse.Namespace) -> list[dict[str, Any]]:
    """Runs the README's commands in fresh clones."""
    rows = []
    found = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    for name, command in zip(LIMITS, found, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder) / "clone"
            subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
            began = time.monotonic()
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=clone, check=False)
            rows.append({"command": name, "exit": done.returncode, "seconds": round(time.monotonic() - began)})
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


def table(headings: str, rows: list[list[Any]]) -> list[str]:
    """A Markdown table, numbers to the right."""
    names = headings.split(" | ")
    numeric = [all(isinstance(row[column], int | float) for row in rows) for column in range(len(names))]
    lines = [f"| {headings} |", "|" + "|".join("---:" if is_number else "---" for is_number in numeric) + "|"]
    cells = [
        [f"{cell:,}" if isinstance(cell, int) else f"{cell:,.0f}" if isinstance(cell, float) else cell for cell in row] for row in rows
    ]
    return [*lines, *("| " + " | ".join(row) + " |" for row in cells), ""]


def _findings(row: dict[str, Any]) -> str:
    return ", ".join(row["findings"]) or "none"


def crash_lines(rows: list[dict[str, Any]]) -> list[str]:
    made = [[row["command"], row["moments"], row["killed"], row["whole"], row["seed"]] for row in rows]
    return [
        "`kill -9` at moments drawn by a seed: half of them in time, half right before the n-th change that the command makes to the file",
        "system. After each, what stands is either refused or whole to its last hash, and the command once more (`run` with `--resume`)",
        "leaves the same files with the same bytes as an undisturbed run. Each begins where an older output stands.",
        "",
        *table("command | moments | killed before the end | whole when killed | seed", made),
    ]


def volume_lines(rows: list[dict[str, Any]]) -> list[str]:
    made = [[r["target"], r["executions"], r["executions"] / max(r["seconds"], 1e-9), _findings(r), r["seed"]] for r in rows]
    total = sum(row["executions"] for row in rows)
    return [
        f"{total:,} executions with compiled kernels. Inputs are good ones changed by bytes, and by syntax for streams, results and",
        "certificates (whose seal is made good again). An execution may return or raise an `NNCError`; another error, the end of",
        "the process, 2 s of CPU time, or 256 MiB beyond what good inputs take are findings.",
        "",
        *table("target | executions | a second | findings | seed", made),
    ]


def guided_lines(rows: list[dict[str, Any]]) -> list[str]:
    made = [[row["target"], row["executions"], row["seconds"], row["edges"], _findings(row), row["seed"]] for row in rows]
    return [
        f"{sum(row['executions'] for row in rows):,} executions with Atheris, guided by the coverage of the package's own sources; the",
        "kernels run uncompiled, so that they guide it too.",
        "",
        *table("target | executions | seconds | edges covered | findings | seed", made),
    ]


def bounds_lines(rows: list[dict[str, Any]]) -> list[str]:
    made = [[row["level"], *row["decodes"].values(), ", ".join(row["differing"]) or "none"] for row in rows]
    return [
        "Decodes of each level's vectors, strictly and leniently, by three builds of the same sources: compiled as usual; compiled",
        "with every index checked (`NUMBA_BOUNDSCHECK=1`); uncompiled, where the twins of machine instructions assert that they stay",
        "within their arrays (streams of up to 20,000 bytes). Each must give the same tensors or the same refusal.",
        "",
        *table("level | compiled | bounds-checked | uncompiled | left its arrays, or differed", made),
    ]


def commands_lines(rows: list[dict[str, Any]]) -> list[str]:
    made = [[r["command"], r["seconds"], LIMITS[r["command"]], str(r["exit"]), " ".join(map(str, r["load"]))] for r in rows]
    return [
        "The README's two commands, each in a fresh clone, set-up included. The load is that of the machine at the end (1, 5, 15 minutes).",
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


def page(figures: dict[str, list[dict[str, Any]]]) -> str:
    """The page of what was measured."""
    lines = ["# Robustness", "", "Written by `benchmarks/robustness.py` from the figures in [robustness.json](robustness.json).", ""]
    found = sorted(path for path in (TESTS / "fuzzing" / "found").rglob("*") if path.is_file())
    for part, (title, render) in SECTIONS.items():
        if part in figures:
            lines += [f"## {title}", "", *render(figures[part])]
    lines += [
        "## What was found",
        "",
        "By fuzzing, and by reading the sources for what it should find. Each is corrected, and its input kept in `tests/fuzzing/found`,",
        "where a test holds it:",
        "",
        *(f"- {path.parent.name}: {path.name}" for path in found),
    ]
    return "\n".join(lines) + "\n"


def broken(rows: list[dict[str, Any]]) -> bool:
    """Whether a part's figures break a promise."""
    return any(row.get("findings") or row.get("differing") or row.get("exit") for row in rows)


def main() -> int:
    """Measures the parts asked for, writes the page, and returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=PARTS, help="repeatable")
    parser.add_argument("--trials", type=int, default=50, help="kills of each command (default %(default)s)")
    parser.add_argument("--executions", type=int, default=1_000_000, help="of all targets, in each way of fuzzing (default %(default)s)")
    parser.add_argument("--seed", type=int, default=19)
    parser.add_argument("--commands", action="store_true", help="the same as --part commands")
    given = parser.parse_args()
    figures: dict[str, list[dict[str, Any]]] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    for part in dict.fromkeys([*(given.part or ()), *(["commands"] if given.commands else [])]):
        figures[part] = PARTS[part](given)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(page(figures), encoding="utf-8")
    return int(any(map(broken, figures.values())))


if __name__ == "__main__":
    sys.exit(main())
