"""The generator: the same bytes everywhere, revisions and retired ids, random numbers, and a lint
that finds what is wrong.
"""

import hashlib
import json
import os
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import load_model_from_string
from pydantic import ValidationError

from nnc_conformance.generator import huge, sources, stress
from nnc_conformance.generator.building import RecipeError, build, decoded_or_none
from nnc_conformance.generator.composition import Coded, header, ndu, opening
from nnc_conformance.generator.editing import set_to, with_bits
from nnc_conformance.generator.generate import GenerateError, generate
from nnc_conformance.generator.lint import lint
from nnc_conformance.generator.onnx_bytes import onnx_topology
from nnc_conformance.generator.randomness import DEFAULT_SEED, Numbers
from nnc_conformance.generator.recipe import Recipe, SessionRecipe, write
from nnc_conformance.generator.recipes import disputed_class_loop
from nnc_conformance.generator.recipes.topics import recipes, session_recipes
from nnc_conformance.generator.sources import REPRODUCIBLE
from nnc_conformance.generator.stored_blocks import deflate_bomb, deflate_stored
from nnc_conformance.generator.vector_json import format_suite
from nnc_conformance.reference import decode
from nnc_conformance.reference.interpretation import Interpretation, MapEntries, UnificationClassLoop
from nnc_conformance.reference.syntax.rules import Provenance
from nnc_conformance.reference.syntax.structures.data_unit import NNR_PT_FLOAT, NNR_PT_INT
from nnc_conformance.storage.documents import canonical_json
from nnc_conformance.storage.suite_folder import SuiteError, load_suite, write_manifest, write_vector
from nnc_conformance.storage.vector import MANIFEST_FILE, VECTOR_FILE, Level, Vector
from nnc_conformance.suites.decoders.load import load_decoders
from nnc_conformance.suites.results.outcomes import Outcome
from nnc_conformance.suites.results.result import SessionResults, Verdict
from nnc_conformance.suites.results.standing import CaseStanding, standing
from nnc_conformance.suites.running.decoder_run import run
from nnc_conformance.suites.running.selection import select

VECTORS = Path(__file__).parents[2] / "vectors"


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def published(levels: tuple[Level, ...]) -> dict[str, bytes]:
    wanted = tuple(f"{level}{os.sep}" for level in levels)
    return {name: data for name, data in contents(VECTORS).items() if name.startswith(wanted)}


ALL_RECIPES: dict[str, Recipe | SessionRecipe] = {**recipes(), **session_recipes()}


@pytest.mark.parametrize("vector_id", [name for name, recipe in ALL_RECIPES.items() if recipe.level in REPRODUCIBLE][::24])
def test_a_published_vector_is_what_its_recipe_makes(vector_id: str) -> None:
    made = build(ALL_RECIPES[vector_id], DEFAULT_SEED)
    folder = VECTORS / made.vector.level / vector_id
    revision = json.loads((folder / VECTOR_FILE).read_bytes())["revision"]
    described = canonical_json(made.vector.model_copy(update={"revision": revision}).model_dump(mode="json")).encode()
    assert contents(folder) == dict(made.files) | {VECTOR_FILE: described}


@pytest.mark.exhaustive
def test_the_published_vectors_are_what_the_recipes_make(tmp_path: Path) -> None:
    known = json.loads((VECTORS / MANIFEST_FILE).read_bytes())
    known["vectors"] = [entry for entry in known["vectors"] if entry["level"] in REPRODUCIBLE]
    (tmp_path / MANIFEST_FILE).write_text(canonical_json(known))
    generate(REPRODUCIBLE, jobs=2, out=tmp_path)
    made = contents(tmp_path)
    assert json.loads(made.pop(MANIFEST_FILE)) == known
    assert made == published(REPRODUCIBLE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("jobs", "environment"),
    [
        pytest.param(
            "1", {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C", "NUMBA_DISABLE_JIT": "0"}, marks=pytest.mark.exhaustive
        ),
        ("2", {"PYTHONHASHSEED": "77", "TZ": "America/St_Johns", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}),
    ],
)
def test_bytes_do_not_depend_on_the_surroundings(tmp_path: Path, jobs: str, environment: dict[str, str]) -> None:
    code = "from nnc_conformance.cli.main import main; main()"
    command = [sys.executable, "-c", code, "generate", "--level", "disputed", "--level", "inferred", "--jobs", jobs, str(tmp_path)]
    subprocess.run(command, check=True, env=os.environ | environment, capture_output=True)
    streams = {name: data for name, data in contents(tmp_path).items() if not name.endswith(".json")}
    assert streams == {name: data for name, data in published((Level.DISPUTED, Level.INFERRED)).items() if not name.endswith(".json")}


def test_another_seed_gives_other_streams(tmp_path: Path) -> None:
    recipe = recipes()["cabac-random-dense"]
    assert build(recipe, DEFAULT_SEED).files != build(recipe, DEFAULT_SEED + 1).files


Use = Callable[..., None]


def small_recipe(name: str, quants: list[int], level: Level = Level.CORE) -> Recipe:
    units = lambda _: [*opening(), ndu(header(NNR_PT_INT, "w", (len(quants),)), Coded(quants))]  # noqa: E731
    return Recipe(
        id=name,
        title="A title",
        tests="It tests.",
        catches="It catches.",
        clauses=("6",),
        units=units,
        level=level,
    )


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    def with_recipes(*given: Recipe) -> None:
        monkeypatch.setattr(sources, "recipes", lambda: {recipe.id: recipe for recipe in given})
        monkeypatch.setattr(sources, "session_recipes", dict)

    return with_recipes


def revisions(root: Path) -> dict[str, int]:
    return {entry.id: entry.revision for entry in load_suite(root).manifest.vectors}


def test_a_revision_rises_with_a_change_and_an_id_is_never_used_again(tmp_path: Path, use: Use) -> None:
    levels = (Level.CORE,)
    use(small_recipe("a", [1]), small_recipe("b", [2]))
    generate(levels, out=tmp_path)
    use(small_recipe("a", [1]), small_recipe("b", [3]))
    generate(levels, out=tmp_path)
    assert revisions(tmp_path) == {"a": 1, "b": 2}
    use(replace(small_recipe("a", [1]), title="Another title"))
    manifest = generate(levels, out=tmp_path)
    assert revisions(tmp_path) == {"a": 2}
    assert manifest.retired == ("b",)
    assert not (tmp_path / "core" / "b").exists()
    use(small_recipe("b", [2]))
    with pytest.raises(GenerateError, match="retired ids cannot be used again: b"):
        generate(levels, out=tmp_path)


def test_other_levels_stay_as_they_are(tmp_path: Path, use: Use) -> None:
    use(small_recipe("a", [1]))
    generate((Level.CORE,), out=tmp_path)
    before = contents(tmp_path / "core")
    use(small_recipe("b", [1], Level.INFERRED))
    generate((Level.INFERRED,), out=tmp_path)
    assert contents(tmp_path / "core") == before
    assert revisions(tmp_path) == {"a": 1, "b": 1}
    use(small_recipe("a", [1], Level.INFERRED))
    with pytest.raises(GenerateError, match="in use at another level: a"):
        generate((Level.INFERRED,), out=tmp_path)


def test_a_vector_that_changes_its_level_leaves_nothing_behind(tmp_path: Path, use: Use) -> None:
    use(small_recipe("a", [1]))
    generate((Level.CORE,), out=tmp_path)
    use(small_recipe("a", [1], Level.FULL))
    manifest = generate((Level.CORE, Level.FULL), out=tmp_path)
    assert [(entry.id, entry.level, entry.revision) for entry in manifest.vectors] == [("a", Level.FULL, 2)]
    assert manifest.retired == ()
    assert not (tmp_path / "core" / "a").exists()
    assert lint(tmp_path) == []


@pytest.mark.slow
def test_stress_vectors_are_drawn_from_the_seed_and_keep_to_what_is_certain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "STRESS_VECTORS", 20)
    monkeypatch.setattr(sources, "STRESS_SESSIONS", 10)
    monkeypatch.setattr(stress, "LARGE", (100_000,))
    generate((Level.STRESS,), 5, out=tmp_path / "a")
    generate((Level.STRESS,), 5, out=tmp_path / "b")
    generate((Level.STRESS,), 6, out=tmp_path / "c")
    first = contents(tmp_path / "a")
    assert first == contents(tmp_path / "b")
    assert {Path(name).parent for name in first} == {Path(name).parent for name in contents(tmp_path / "c")}
    assert first != contents(tmp_path / "c")
    assert lint(tmp_path / "a") == []


@pytest.mark.slow
def test_huge_vectors_are_judged_and_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, small in (("UNIT_BYTES", 1 << 10), ("UNITS", 1 << 5), ("DIMENSIONS", (5, 16))):
        monkeypatch.setattr(huge, name, small)
    generate((Level.HUGE,), out=tmp_path / "suite")
    assert lint(tmp_path / "suite") == []
    suite = select(tmp_path / "suite", (Level.HUGE,))
    results = run(suite, load_decoders(["in-tree"]), tmp_path / "results", levels=(Level.HUGE,))
    assert isinstance(results, SessionResults)
    assert {(case.vector, case.outcome, case.tested_edition, standing(case.level, case.provenance)) for case in results.cases} == {
        (name, Outcome.PASS, 2022, CaseStanding.OWN) for name in ("huge-tensor", "huge-unit", "huge-unit-count")
    }
    assert results.verdict() is Verdict.AS_EXPECTED


@pytest.mark.exhaustive
def test_huge_vectors_pass_the_limits_that_they_name() -> None:
    unit, units, tensor = (recipe.stream(DEFAULT_SEED) for recipe in huge.RECIPES)
    sizes = [1 << 24, 1 << 16, 1 << 24]
    assert len(unit) > sizes[0]
    decoded = decode(unit).parameters["w"]
    assert decoded.nbytes == sizes[0] + 4 and np.isfinite(decoded).all() and np.unique(decoded).size > 1 << 20
    assert len(decode(units).parameters) == sizes[1]
    decoded = decode(tensor).parameters["w"]
    assert decoded.size > sizes[2] and decoded.flat[-1] == -7 and 4000 < np.count_nonzero(decoded) <= 4097


def test_a_huge_vector_has_no_document_of_format_1() -> None:
    vector = build(small_recipe("a", [1]), DEFAULT_SEED).vector
    with pytest.raises(ValidationError, match="level huge has format nnc-vector/2"):
        Vector.model_validate(dict(vector) | {"level": Level.HUGE})


@pytest.mark.slow
def test_a_large_stream_fills_ten_mebibytes_and_decodes() -> None:
    assert max(stress.LARGE) == 10 << 20
    recipe = stress.large_stress_recipe(stress.LARGE.index(10 << 20))
    stream = recipe.stream(DEFAULT_SEED)
    assert 0.95 * (10 << 20) < len(stream) <= 10 << 20
    assert len(decode(stream).parameters) > 100


def test_a_recipe_whose_stream_is_refused_is_an_error() -> None:
    broken = replace(small_recipe("a", [1]), edit=lambda stream: stream[:-1])
    with pytest.raises(RecipeError, match="a: truncated"):
        build(broken, DEFAULT_SEED)


def test_what_is_not_listed_by_hand_follows_from_the_stream() -> None:
    vector = build(small_recipe("a", [1]), DEFAULT_SEED).vector
    assert vector.flags == ("int",)
    assert vector.provenance is Provenance.VERIFIED
    assert {"sig_flag", "sign_flag", "tensor_dimensions"} < set(vector.elements)
    assert "abs_remainder" not in vector.elements
    assert "abs_remainder" in build(small_recipe("a", [99]), DEFAULT_SEED).vector.elements


# The lint, each finding provoked


def suite_of(root: Path, *made: Vector, files: dict[str, bytes]) -> Path:
    for vector in made:
        write_vector(root, vector, files)
    write_manifest(root, made)
    return root


def messages(root: Path) -> str:
    return "\n".join(map(str, lint(root)))


def test_lint_finds_a_core_vector_that_a_disputed_point_changes(tmp_path: Path) -> None:
    made = build(replace(small_recipe("a", [1]), units=recipes()["value-plain-product"].units), DEFAULT_SEED)
    assert "plain_product = binary64 changes the output" in messages(suite_of(tmp_path, made.vector, files=dict(made.files)))


def test_lint_finds_a_core_vector_whose_topology_is_disputed(tmp_path: Path) -> None:
    made = build(replace(small_recipe("a", [1]), units=recipes()["tpl-nnef-raw"].units), DEFAULT_SEED)
    assert "data_string = st changes the output" in messages(suite_of(tmp_path, made.vector, files=dict(made.files)))


def test_lint_finds_inferred_content_in_core_and_none_in_inferred(tmp_path: Path) -> None:
    made = build(replace(small_recipe("a", [1]), units=recipes()["agg-two-units"].units), DEFAULT_SEED)
    assert "level core must hold nothing inferred" in messages(suite_of(tmp_path / "core", made.vector, files=dict(made.files)))
    made = build(small_recipe("a", [1], Level.INFERRED), DEFAULT_SEED)
    assert "level inferred must hold something inferred" in messages(suite_of(tmp_path / "inferred", made.vector, files=dict(made.files)))


def test_lint_finds_wrong_outputs_and_facts(tmp_path: Path) -> None:
    good, other = build(small_recipe("a", [1]), DEFAULT_SEED), build(small_recipe("a", [2]), DEFAULT_SEED)
    name = "expected.safetensors"
    wrong = good.vector.model_copy(update={"expected": other.vector.expected, "flags": ("float",)})
    found = messages(suite_of(tmp_path, wrong, files=dict(good.files) | {name: other.files[name]}))
    assert "the expected tensors differ from the reference decoder's" in found
    assert "flags: stated ('float',), the reference decoder finds ('int',)" in found


def test_lint_finds_disputed_choices_that_do_not_differ(tmp_path: Path) -> None:
    made = build(replace(small_recipe("a", [1], Level.DISPUTED), switch="plain_product"), DEFAULT_SEED)
    assert "its choices give the same output" in messages(suite_of(tmp_path, made.vector, files=dict(made.files)))


def test_lint_finds_stray_files_and_text_that_is_not_canonical(tmp_path: Path) -> None:
    made = build(small_recipe("a", [1]), DEFAULT_SEED)
    root = suite_of(tmp_path, made.vector, files=dict(made.files))
    (root / "core" / "a" / "notes.txt").write_text("stray")
    manifest = json.loads((root / MANIFEST_FILE).read_text())
    (root / MANIFEST_FILE).write_text(json.dumps(manifest))
    assert messages(root).splitlines() == ["manifest.json: manifest.json is not canonical JSON", "core/a/notes.txt: belongs to no vector"]


def test_what_is_not_canonical_is_formatted_and_keeps_what_it_says(tmp_path: Path) -> None:
    made = build(small_recipe("a", [1]), DEFAULT_SEED)
    root = suite_of(tmp_path, made.vector, files=dict(made.files))
    good = contents(root)
    assert format_suite(root) == []
    for name in (MANIFEST_FILE, "core/a/vector.json"):
        (root / name).write_text(json.dumps(json.loads(good[name]), indent=7))
    assert format_suite(root) == [root / MANIFEST_FILE, root / "core/a/vector.json"]
    assert contents(root) == good
    assert lint(root) == []


def test_what_is_no_vector_is_not_formatted(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="has no manifest"):
        format_suite(tmp_path)
    made = build(small_recipe("a", [1]), DEFAULT_SEED)
    root = suite_of(tmp_path, made.vector, files=dict(made.files))
    (root / "core" / "a" / "vector.json").write_text("{}")
    with pytest.raises(SuiteError, match=r"core/a/vector\.json"):
        format_suite(root)


def test_lint_finds_a_change_without_a_new_revision(tmp_path: Path) -> None:
    before = write_manifest(tmp_path, [build(small_recipe(name, [1]), DEFAULT_SEED).vector for name in "abc"], retired=("old",))
    made = [build(small_recipe(name, [number]), DEFAULT_SEED) for number, name in enumerate("ab", 1)]
    for each in made:
        write_vector(tmp_path, each.vector, each.files)
    write_manifest(tmp_path, [each.vector for each in made])
    assert [str(finding) for finding in lint(tmp_path, before)] == [
        "b: changed, but its revision went from 1 to 1",
        "c: is gone but not retired",
        "old: was retired, but the manifest no longer says so",
    ]


@pytest.mark.slow
def test_several_processes_find_the_same_in_the_same_order(tmp_path: Path) -> None:
    made = build(small_recipe("a", [1]), DEFAULT_SEED)
    wrong = [made.vector.model_copy(update={"id": f"wrong-{number}", "flags": ("float",)}) for number in range(20)]
    root = suite_of(tmp_path, *wrong, files=dict(made.files))
    found = lint(root, jobs=2)
    assert [finding.where for finding in found] == sorted(vector.id for vector in wrong)
    assert {finding.message for finding in found} == {"flags: stated ('float',), the reference decoder finds ('int',)"}
    assert found == lint(root)


@pytest.mark.slow
def test_the_lint_command_says_what_it_found(tmp_path: Path) -> None:
    made = build(small_recipe("a", [1]), DEFAULT_SEED)
    root = suite_of(tmp_path, made.vector, files=dict(made.files))
    code = "from nnc_conformance.cli.main import main; main()"
    good = subprocess.run([sys.executable, "-c", code, "lint", str(root)], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, "nothing found\n")
    (root / MANIFEST_FILE).write_text(json.dumps(json.loads((root / MANIFEST_FILE).read_text())))
    mended = subprocess.run([sys.executable, "-c", code, "lint", "--format", str(root)], capture_output=True, text=True, check=False)
    assert (mended.returncode, mended.stdout) == (0, f"formatted: {root / MANIFEST_FILE}\nnothing found\n")
    (root / "core" / "stray").touch()
    bad = subprocess.run([sys.executable, "-c", code, "lint", str(root)], capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (1, "core/stray: belongs to no vector\n1 findings\n")


# What recipes are made of


def test_random_numbers_are_known_numbers() -> None:
    digest = hashlib.shake_256(b"7/some-id/label").digest(8)
    assert Numbers(7, "some-id").words("label", 2).tolist() == [
        int.from_bytes(digest[:4], "little"),
        int.from_bytes(digest[4:], "little"),
    ]


@given(st.integers(0, 2**40), st.integers(-(2**31), 2**31 - 2), st.integers(0, 2**31))
def test_integers_stay_within_their_bounds(seed: int, low: int, span: int) -> None:
    drawn = Numbers(seed, "id").integers("x", 50, low, low + span)
    assert low <= drawn.min()
    assert drawn.max() <= low + span


def test_integers_are_spread_evenly() -> None:
    drawn = Counter(Numbers(1, "id").integers("x", 60_000, -2, 3).tolist())
    assert set(drawn) == set(range(-2, 4))
    assert all(abs(count - 10_000) < 500 for count in drawn.values())


def test_quants_fall_off_geometrically() -> None:
    drawn = Numbers(1, "id").quants("x", 100_000, 128)
    magnitudes = Counter(np.abs(drawn).tolist())
    for magnitude in range(5):
        assert abs(magnitudes[magnitude] - 100_000 / 2 ** (magnitude + 1)) < 1000
    assert abs(int((drawn > 0).sum()) - int((drawn < 0).sum())) < 1000


@given(st.binary(max_size=300), st.integers(1, 100))
def test_stored_blocks_inflate(data: bytes, block: int) -> None:
    assert zlib.decompress(deflate_stored(data, block)) == data
    assert zlib.decompress(deflate_stored(data)) == data


@pytest.mark.parametrize("size", [1, 300, 100_000])
def test_the_bomb_inflates(size: int) -> None:
    inflated = zlib.decompress(deflate_bomb(size))
    assert set(inflated) == {ord("a")}
    assert size - 258 <= len(inflated) <= size


def test_the_onnx_topology_is_one() -> None:
    model = load_model_from_string(onnx_topology({"w": (2, 300), "v": ()}))
    assert [(tensor.name, list(tensor.dims), tensor.data_type) for tensor in model.graph.initializer] == [("w", [2, 300], 1), ("v", [], 1)]
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)


@given(st.binary(min_size=4, max_size=20), st.data())
def test_bits_are_replaced_where_asked(data: bytes, draw: st.DataObject) -> None:
    count = draw.draw(st.integers(1, 16))
    first = draw.draw(st.integers(0, 8 * len(data) - count))
    value = draw.draw(st.integers(0, (1 << count) - 1))
    text = "".join(f"{byte:08b}" for byte in data)
    expected = text[:first] + f"{value:0{count}b}" + text[first + count :]
    assert "".join(f"{byte:08b}" for byte in with_bits(data, first, count, value)) == expected


def test_an_element_is_changed_by_its_name() -> None:
    stream = small_recipe("a", [1]).stream(DEFAULT_SEED)
    changed = set_to("independently_decodable_flag", 1, 2)(stream)
    assert decode(changed).parameters["w"].tolist() == [1]
    assert [byte for byte, (a, b) in enumerate(zip(stream, changed, strict=True)) if a != b] == [14]
    with pytest.raises(LookupError, match="no codebook_egk"):
        set_to("codebook_egk", 1)(stream)


def test_coded_indexes_are_doubled_along_the_trellis() -> None:
    head = header(NNR_PT_FLOAT, "w", (6,), dq_flag=True)
    unit = ndu(head, Coded([1, 1, 0, -1, 2, -3]))
    # states 0 2 3 6 1 7 by the table of transitions; an odd state moves the doubled value by one
    # towards zero
    assert (decode(write([*opening(), unit])).parameters["w"] * 16).tolist() == [2, 2, 0, -2, 3, -5]


@pytest.mark.parametrize("recipe", disputed_class_loop.RECIPES, ids=lambda recipe: recipe.id)
def test_the_class_loop_is_told_apart_whichever_way_entries_are_counted(recipe: Recipe) -> None:
    stream = recipe.stream(DEFAULT_SEED)
    mine = recipe.interpretation.unification_class_loop
    for map_entries in MapEntries:
        for choice in UnificationClassLoop:
            way = Interpretation(map_entries=map_entries, unification_class_loop=choice)
            assert (decoded_or_none(stream, way) is not None) == (choice is mine), way
