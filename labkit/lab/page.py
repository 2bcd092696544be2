"""The report of a run as one HTML page that needs nothing else: pictures are SVG in it, and it runs no script."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import jinja2

from labkit.lab.catalog import share
from labkit.lab.picture import picture
from labkit.lab.report import Run
from labkit.lab.timeline import Timeline, timeline
from labkit.lab.topology import Topology
from labkit.lab.verdict import Result
from labkit.trace import SECOND, Micros

_STEPS = (1, 2, 5)  # how many of a power of ten of seconds lie between two marks of the axis
_MARKS = 12  # on the axis, at most


def to_html(runs: Sequence[Run]) -> str:
    """Return the page: a table of all runs, then for each its lab, timeline and findings."""
    return (
        _environment()
        .get_template("report.html.j2")
        .render(runs=runs, made=datetime.now(tz=UTC), version=version("labkit"))
    )


def topology_svg(topology: Topology) -> str:
    """Return the picture of a lab as an SVG element."""
    return _environment().get_template("topology.svg.j2").render(picture=picture(topology))


def timeline_svg(topology: Topology, result: Result) -> str:
    """Return the timeline of a run as an SVG element."""
    drawn = timeline(topology, result)
    return _environment().get_template("timeline.svg.j2").render(timeline=drawn, marks=axis(drawn))


def axis(drawn: Timeline) -> list[Micros]:
    """Return where the time axis has marks: round seconds since the beginning, not too many of them."""
    lasted = max(1, drawn.ended - drawn.began)
    power = SECOND // 100
    while True:
        for step in _STEPS:
            if lasted // (step * power) < _MARKS:
                return list(range(0, lasted + 1, step * power))
        power *= 10


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(share() / "templates" / "report"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seconds"] = lambda value: "-" if value is None else f"{value / 1e6:.3f} s"
    environment.globals["topology_svg"] = topology_svg
    environment.globals["timeline_svg"] = timeline_svg
    return environment
