"""Parts of JUnit documents: test cases, outcomes, and the totals of suites."""

from typing import Final
from xml.etree import ElementTree

from nnc_conformance.reports.text import visible
from nnc_conformance.storage import DISTRIBUTION
from nnc_conformance.suites.results.outcomes import OUTCOMES, Outcome

_COUNTED: Final = {"failure": "failures", "error": "errors", "skipped": "skipped"}
"""The total of each kind of outcome."""
_ROOT_TOTALS: Final = ("tests", "failures", "errors")
"""Totals of the whole document: those that Jenkins' xUnit plugin allows there."""


def new_document() -> ElementTree.Element:
    """Return the root of an empty document."""
    return ElementTree.Element("testsuites", name=DISTRIBUTION)


def add_suite(root: ElementTree.Element, name: str) -> ElementTree.Element:
    """Add a suite; characters that XML 1.0 forbids in its name are escaped."""
    return ElementTree.SubElement(root, "testsuite", name=visible(name))


def add_testcase(suite: ElementTree.Element, name: str, group: str) -> ElementTree.Element:
    """Add a test case of a class; characters that XML 1.0 forbids are escaped."""
    return ElementTree.SubElement(suite, "testcase", name=visible(name), classname=visible(group))


def add_properties(suite: ElementTree.Element, values: dict[str, str]) -> None:
    """Add properties by name to a suite; not every reader takes them in a test case."""
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in values.items():
        ElementTree.SubElement(properties, "property", name=visible(name), value=visible(value))


def add_notes(testcase: ElementTree.Element, notes: dict[str, str]) -> None:
    """Add notes by name to a test case, as lines of its output."""
    if notes:
        ElementTree.SubElement(testcase, "system-out").text = "\n".join(visible(f"{name}: {note}") for name, note in notes.items())


def mark(testcase: ElementTree.Element, outcome: Outcome, message: str, text: str) -> None:
    """Give a test case its outcome, mapped by the table `OUTCOMES`.

    A case that passes gets no element.
    """
    tag = OUTCOMES[outcome].junit
    if tag in _COUNTED:
        add_outcome(testcase, tag, outcome.value, message, text)


def add_outcome(testcase: ElementTree.Element, tag: str, kind: str, message: str, text: str) -> None:
    """Give a test case an outcome.

    Args:
        testcase: Element to append to.
        tag: ``failure``, ``error`` or ``skipped``.
        kind: Type of the outcome, such as a name of `Outcome`.
        message: One line.
        text: Details; may be empty.
    """
    ElementTree.SubElement(testcase, tag, type=kind, message=visible(message)).text = visible(text) or None


def seconds(value: float) -> str:
    """Format a time in seconds."""
    return f"{value:.3f}"


def finished(root: ElementTree.Element) -> str:
    """Count the test cases of all suites, and return the document as text."""
    for suite in root:
        _count(suite)
    for total in _ROOT_TOTALS:
        root.set(total, str(sum(int(suite.get(total, "0")) for suite in root)))
    return _text(root)


def counted_suite(suite: ElementTree.Element) -> str:
    """Count the test cases of a suite, and return it alone as a document."""
    _count(suite)
    return _text(suite)


def _count(suite: ElementTree.Element) -> None:
    """Set the totals of a suite."""
    suite.set("tests", str(len(suite.findall("testcase"))))
    for tag, total in _COUNTED.items():
        suite.set(total, str(len(suite.findall(f"testcase/{tag}"))))


def _text(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
