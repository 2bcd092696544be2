"""A run as JUnit XML, which every CI system reads: a suite for each lab, a case for each scenario.

A case has properties for what was expected and measured (`2.1 VIP on server2: bound_s`, `...: measured_s`, by step and
finding) and says its findings line by line in `system-out`.  SKIP and INCONCLUSIVE are skipped cases, with the reason;
LATE, NEVER and VIOLATED are failures; ERROR is an error.
"""

import re
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from labkit.lab.report import Run, finding_line, finding_text
from labkit.lab.verdict import Finding, Result, Verdict
from labkit.trace import Micros

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2
_TAGS = {
    Verdict.SKIP: "skipped",
    Verdict.INCONCLUSIVE: "skipped",
    Verdict.LATE: "failure",
    Verdict.NEVER: "failure",
    Verdict.VIOLATED: "failure",
    Verdict.ERROR: "error",
}


def to_junit(runs: Sequence[Run]) -> str:
    """Return the runs as a JUnit XML document."""
    root = ElementTree.Element("testsuites", name="labkit")
    for lab in dict.fromkeys(run.lab for run in runs):
        cases = [run for run in runs if run.lab == lab]
        tags = [_TAGS.get(run.result.verdict) for run in cases]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=lab,
            tests=str(len(cases)),
            failures=str(tags.count("failure")),
            errors=str(tags.count("error")),
            skipped=str(tags.count("skipped")),
            time=_seconds(sum(run.result.took for run in cases)),
        )
        suite.extend(_case(run) for run in cases)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(run: Run) -> ElementTree.Element:
    result = run.result
    case = ElementTree.Element("testcase", classname=run.lab, name=run.title, time=_seconds(result.took))
    properties = ElementTree.SubElement(case, "properties")
    for name, value in _properties(result):
        ElementTree.SubElement(properties, "property", name=_legal(name), value=_legal(value))
    if tag := _TAGS.get(result.verdict):
        outcome = ElementTree.SubElement(case, tag, message=_legal(_message(result)))
        if tag != "skipped":
            outcome.set("type", result.verdict.value)
            outcome.text = _legal("\n".join(finding_text(finding) for finding in _bad(result)))
    lines = [result.title, *_story(result)]
    ElementTree.SubElement(case, "system-out").text = _legal("\n".join(lines))
    return case


def _properties(result: Result) -> Iterator[tuple[str, str]]:
    yield "verdict", result.verdict.value
    yield "timers_s", _seconds(result.timers)
    for number, step in enumerate(result.steps, 1):
        for place, finding in enumerate(step.findings, 1):
            name = f"{number}.{place} {finding.what}"
            if finding.bound:
                yield f"{name}: bound_s", _seconds(finding.bound)
            yield f"{name}: measured_s", "" if finding.took is None else _seconds(finding.took)
        for probe in step.measured:
            name = f"{number} {probe.probe}"
            yield f"{name}: failed", str(probe.failed)
            yield f"{name}: outage_s", "" if probe.outage is None else _seconds(probe.outage)
            yield from ((f"{name}: answered by {server}", str(count)) for server, count in probe.by.items())


def _bad(result: Result) -> list[Finding]:
    return [finding for step in result.steps for finding in step.findings if finding.verdict is not Verdict.PASS]


def _message(result: Result) -> str:
    told = [result.error] if result.error else [f"{bad.what}: {bad.note or bad.verdict}" for bad in _bad(result)]
    return "; ".join([result.verdict.value, *told])


def _story(result: Result) -> Iterator[str]:
    for step in result.steps:
        yield from (f"  {action}" for action in step.did)
        yield from (finding_line(finding) for finding in step.findings)
    if result.error:
        yield result.error


def _seconds(value: Micros) -> str:
    return f"{value / 1e6:.6f}"


def _legal(text: str) -> str:
    """Return the text without what XML cannot carry at all."""
    return _ILLEGAL.sub("�", text)
