"""Results as JUnit XML, which continuous integration reads: every rule and every row of the checklist is a test case.

A rule that is met is a failure. A flag of the checklist is none, since flags change no number; the rule ``flags>0``
makes it one. What was not run is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from . import causes, words
from .checks import checks
from .gate import Judgement
from .model import Run


def junit(runs: Sequence[tuple[str, Run]], judged: Sequence[Judgement]) -> bytes:
    """The document."""
    root = Element("testsuites", name="mask")
    if judged:
        _suite(root, "rules", [_rule(j) for j in judged])
    for label, run in runs:
        _suite(root, f"checklist of {label}", _checklist(run))
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _suite(root: Element, name: str, cases: list[Element]) -> None:
    suite = SubElement(root, "testsuite", name=name, tests=str(len(cases)))
    for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(c.find(kind) is not None for c in cases)))
    suite.extend(cases)


def _rule(judged: Judgement) -> Element:
    case = Element("testcase", classname=judged.rule.text, name=judged.what)
    if judged.broken is None:
        SubElement(case, "error", message=f"{judged.rule.metric} has no value; the rule could not be judged")
    elif judged.broken:
        SubElement(case, "failure", message=f"{judged.rule.metric} is {words.number(judged.value, 4)}")
    return case


def _checklist(run: Run) -> list[Element]:
    cases = []
    for check in checks(run, causes.probes(run)):
        case = Element("testcase", classname="checklist", name=f"{check.number}. {check.question}")
        if check.outcome == "not run":
            SubElement(case, "skipped", message=check.told)
        else:
            SubElement(case, "system-out").text = f"{check.outcome}: {check.told}"
        cases.append(case)
    return cases
