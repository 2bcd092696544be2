"""Big files say the same again and again: what is read once must mean the same, and be told of, every time."""

import gc

import pytest

from labkit.conf.loader import loads
from labkit.conf.source import FileLines, SourceLine


def server(number: int, *lines: str) -> str:
    inner = "".join(f"  {line}\n" for line in lines)
    real = f" real_server 172.16.0.1 80 {{\n{inner} }}\n"
    head = " lb_algo rr\n lb_kind NAT\n protocol TCP\n"
    return f"virtual_server 10.0.{number // 250}.{number % 250 + 1} 80 {{\n{head}{real}}}\n"


def test_lines_that_look_alike_are_told_of_each() -> None:
    text = "".join(server(number, "weight -1", "# weight", "nonsense") for number in range(3))
    places = [(found.span.line, found.message) for found in loads(text, file="k.conf").diagnostics]
    assert places == [
        (line + 10 * number, message)
        for number in range(3)
        for line, message in ((6, "`-1` does not fit here"), (8, "`nonsense` is not a keyword in `real_server`"))
    ]


def test_more_values_than_are_remembered() -> None:
    lines = "".join(f" 10.1.{number // 250}.{number % 250 + 1} 80\n" for number in range(5000))
    more = "virtual_server group G {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n real_server 172.16.0.1 80 {\n }\n}\n"
    loaded = loads(f"virtual_server_group G {{\n{lines}}}\n{more}", file="k.conf")
    assert loaded.config is not None
    (service,) = loaded.config.virtual_servers
    assert len(set(service.core.keys)) == 5000


def test_services_are_checked_though_the_file_is_refused_for_its_braces() -> None:
    found = loads(f"}}\n{server(1, 'weight -1')}", file="k.conf").diagnostics
    assert [diagnostic.span.line for diagnostic in found] == [1, 7]


def test_a_service_twice() -> None:
    found = loads(server(1) + server(1), file="k.conf").diagnostics
    assert [str(diagnostic) for diagnostic in found] == [
        "k.conf:8:16: there is a virtual_server for [10.0.0.2]:tcp:80 already, in line 1; keep one of them"
    ]


def test_the_collector_is_on_again() -> None:
    loads(server(1), file="k.conf")
    assert gc.isenabled()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_lines_of_a_file(end: str) -> None:
    lines = FileLines(f"a{end}{end}b c", "k.conf")
    expected = [SourceLine("k.conf", 1, "a"), SourceLine("k.conf", 2, ""), SourceLine("k.conf", 3, "b c")]
    assert list(lines) == lines[:] == expected
    assert lines[1:] == expected[1:]
    assert (len(lines), lines[0], lines[-1]) == (3, expected[0], expected[2])
    with pytest.raises(IndexError):
        lines[3]
