"""The HTML report, read with an HTML parser: self-contained, accessible in structure, and deaf to
what decoders say.
"""

import base64
import hashlib
import re

import pytest
from helpers.html_page import Page
from helpers.report_documents import ACCURACY, HOSTILE, answer, case, distance, document, every_outcome, layers

from nnc_conformance.reports.html import render_html
from nnc_conformance.reports.results import Loaded, loaded
from nnc_conformance.reports.summary import build_report
from nnc_conformance.storage.vector import Level
from nnc_conformance.suites.results.outcomes import Outcome

ADDRESSES = {"src", "href", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href", "ping"}


def page_of(*cases, **more):
    text = render_html(build_report([loaded("results.json", document(*cases, **more))]))
    return Page(text), text


@pytest.fixture(scope="module")
def full():
    return page_of(*every_outcome("alpha"), *every_outcome("beta", HOSTILE))


def test_nothing_outside_is_referred_to(full):
    page, text = full
    for tag, attributes, _ in page.tags:
        for name in ADDRESSES & attributes.keys():
            assert attributes[name].startswith(("#", "data:")), (tag, attributes[name])
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
    style, script = page.texts["style"][0], page.texts["script"][0]
    assert not re.search(r"url\(|@import|https?:", style)
    assert not re.search(r"https?:|fetch\(|XMLHttpRequest|import\(|eval\(|innerHTML|document\.write", script)
    assert "\x00" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_policy_allows_exactly_the_style_and_script_that_are_there(full):
    page, _ = full
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    for directive, tag in (("style-src", "style"), ("script-src", "script")):
        (text,) = page.texts[tag]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy


def test_hostile_text_is_text(full):
    page, text = full
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert "{{7*7}}" in text
    messages = [message for message in page.texts["p"] if "alert(1)" in message]
    assert messages
    assert all("</script><script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)>" in message for message in messages)
    assert all("\\u{1b}[31m\\u{0}\\u{fffe}\\u{202e}" in message for message in messages)


def test_hostile_names_of_decoders_are_text():
    page, _ = page_of(case("one", '"><script>alert(1)</script>', Outcome.FAIL))
    assert len(page.all("script")) == 1
    assert any('"><script>alert(1)</script>' in text for text in page.texts["h3"])


def test_every_table_has_a_caption_and_headings_with_a_scope(full):
    page, _ = full
    tables = len(page.all("table"))
    assert tables >= 10
    assert len(page.texts["caption"]) == tables
    assert all(caption.strip() for caption in page.texts["caption"])
    assert {heading.get("scope") for heading in page.all("th")} <= {"col", "row", "rowgroup"}


def test_landmarks_and_labels(full):
    page, _ = full
    for name in ("main", "nav", "header", "footer", "h1"):
        assert page.all(name), name
    assert page.all("html")[0]["lang"] == "en"
    ids = [attributes["id"] for _, attributes, _ in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for attributes in page.all("section"):
        assert attributes["aria-labelledby"] in ids
    for attributes in page.all("a"):
        assert attributes["href"].removeprefix("#") in ids
    for tag, attributes, inside in page.tags:
        if tag in ("input", "select"):
            assert "label" in inside
        if tag == "svg":
            assert attributes.get("aria-hidden") == "true" or (attributes["role"] == "img" and attributes["aria-label"].strip())
    (count,) = page.all("output")
    assert count["aria-live"] == "polite"


def test_every_failure_is_told_with_its_command(full):
    page, _ = full
    failing = 10
    assert len(page.all("article")) == 2 * failing
    commands = [code for code in page.texts["code"] if code.startswith("nnc-conformance run --decoder alpha ")]
    assert len(commands) == failing
    assert "nnc-conformance run --decoder alpha --filter id=case-crash" in commands
    article = next(text for text in page.texts["article"] if "case-fail" in text)
    for words in (
        "conv.weight",
        "0, 2",
        "1.0 (0x3f800000)",
        "-1.0 (0xbf800000)",
        "3 of 8",
        "bug of case-fail",
        "scan_order",
        "2 tensors differ",
    ):
        assert words in article
    broken = next(text for text in page.texts["article"] if "broken-size" in text)
    assert "nnr_unit_size covers its own field and header" in broken


def test_case_table_has_a_row_for_each_case(full):
    page, _ = full
    rows = [attributes for attributes in page.all("tr") if "data-outcome" in attributes]
    assert len(rows) == 32
    assert {row["data-outcome"] for row in rows} == {outcome.value for outcome in Outcome}


def test_networks_and_choices_are_shown(full):
    page, _ = full
    accuracy = next(text for text in page.texts["table"] if "Top-1" in text)
    for words in ("98.00%", "97.00%", "96.50%"):
        assert words in accuracy
    assert any("int_dq_flag = ignored" in text for text in page.texts["table"])


def networks_of(*rows, decoders=("alpha",)):
    """Render the networks section for decoders with these rows.

    Return it, the page, and its text with one line per table row.
    """
    cases = [case("net", name, level=Level.MODELS, accuracy=own) for name, own in zip(decoders, rows, strict=True)]
    page, text = page_of(*cases)
    section = next(one for one in page.texts["section"] if "Top-1" in one)
    return section, page, text


def cells_of(page, caption):
    """Return the rows of the table with that caption as lists of cells."""
    (table,) = [text for text in re.findall(r"<table.*?</table>", page, re.DOTALL) if caption in text]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)]
    return [[" ".join(re.sub(r"<[^>]*>", "", cell).split()) for cell in row] for row in rows]


RIGHT = (*ACCURACY[:2], ACCURACY[1].model_copy(update={"parameters": "decoded", "to_reference": distance(0.0)}))
NOT_FINITE = (
    *ACCURACY[:2],
    answer("decoded", max_error=None, to_reference=distance(None), layers=layers(flatten=0.0, gemm=None, relu=None), first_drift="gemm"),
)


def test_relative_errors_of_outputs_and_the_first_layer_that_drifts_are_shown():
    _, _, text = networks_of(ACCURACY, RIGHT, RIGHT, NOT_FINITE, decoders=("wrong", "right", "same", "zzz"))
    assert cells_of(text, "Relative error of the outputs")[1:] == [
        ["mlp net", "reference", "0.02", "–", "relu 0.1", "–"],
        ["right", "0.02", "0", "relu 0.1", "none"],
        ["same", "0.02", "0", "relu 0.1", "none"],
        ["wrong", "0.25", "0.125", "gemm 1", "gemm (Gemm)"],
        ["zzz", "not finite", "not finite", "gemm not finite", "gemm (Gemm)"],
    ]
    assert cells_of(text, "Relative error of each layer") == [
        ["Layer", "Operator", "Reference", "right", "same", "wrong", "zzz"],
        ["flatten", "Flatten", "0", "0", "0", "0", "0"],
        ["gemm", "Gemm", "0.01", "0.01", "0.01", "1 first difference", "not finite first difference"],
        ["relu", "Relu", "0.1", "0.1", "0.1", "0.5", "not finite"],
    ]
    assert "largest output error not finite" in text


def test_each_decoder_is_told_under_the_picture_of_layers():
    section, page, _ = networks_of(ACCURACY, RIGHT, NOT_FINITE, decoders=("wrong", "right", "zzz"))
    words = " ".join(section.split())
    assert "right, every layer equals the reference" in words
    assert "wrong, differs from the reference first at gemm (Gemm)" in words
    assert "zzz, differs from the reference first at gemm (Gemm)" in words
    assert len([line for line in page.all("path") if "drift-line" in line.get("class", "")]) == 3  # the reference's, and two that drift


def test_results_without_layers_have_no_picture_of_them():
    section, page, text = networks_of((answer("original"), answer("reference"), answer("decoded")))
    assert cells_of(text, "Relative error of the outputs")[1:] == [
        ["mlp net", "reference", "–", "–", "–", "–"],
        ["alpha", "–", "–", "–", "–"],
    ]
    assert "drifts" not in {attributes.get("class") for attributes in page.all("div")}
    assert "layers" not in section.split("first layer")[0]


def test_names_of_layers_are_text():
    hostile = layers(**{HOSTILE: 1.0})
    rows = (*ACCURACY[:2], answer("decoded", relative_error=1, to_reference=distance(1.0), layers=hostile, first_drift=HOSTILE))
    _, page, text = networks_of(rows)
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert any("</script><script>alert(1)" in one for one in page.texts["th"])
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "source",
    [
        Loaded("r", None, ("the file breaks off",)),
        loaded("r", document(case("one"), closed=False)),
        loaded("r", document(case("one"), absent=("two@alpha",))),
        loaded("r", document(case("one"), case("two", outcome=Outcome.NOT_RUN))),
        loaded("r", document()),
    ],
)
def test_incomplete_results_never_say_pass(source):
    page = Page(render_html(build_report([source])))
    assert page.texts["h1"] == ["Incomplete"]
    assert page.texts["title"][0].startswith("Incomplete")
    assert not any(re.fullmatch(r"\s*Pass\s*", text) for tag in ("td", "strong", "p") for text in page.texts.get(tag, []))


@pytest.mark.parametrize(("outcome", "word"), [(Outcome.PASS, "Pass"), (Outcome.TIMEOUT, "Fail"), (Outcome.UNSUPPORTED, "Pass")])
def test_verdict_in_the_headline(outcome, word):
    page, _ = page_of(case("one"), case("two", outcome=outcome))
    assert page.texts["h1"] == [word]


def test_two_thousand_cases_stay_one_small_file():
    cases = [case(f"case-{number:04}", outcome=Outcome.FAIL if number % 50 == 0 else Outcome.PASS) for number in range(2000)]
    page, text = page_of(*cases)
    assert len(text) < 3_000_000
    assert len([row for row in page.all("tr") if "data-outcome" in row]) == 2000
