"""Big files say the same again and again: what is read once must mean the same, and be told of, every time."""

import gc
from collections.abc import Sequence

import pytest

from labkit.conf.loader import loads
from labkit.conf.reader import SharedPlaceError, read
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


CHECKED = ("weight 3", "HTTP_GET {", " url {", "  path /health", "  status_code 200", " }", " connect_timeout 3", "}")


def several(lines: Sequence[str], servers: int = 3) -> str:
    """Return a virtual server whose real servers have these lines."""
    inner = "".join(f"  {line}\n" for line in lines)
    real = "".join(f" real_server 172.16.0.{number} 80 {{\n{inner} }}\n" for number in range(1, servers + 1))
    return f"virtual_server 10.0.0.1 80 {{\n lb_algo rr\n lb_kind NAT\n protocol TCP\n{real}}}\n"


def test_bodies_that_look_alike_are_one() -> None:
    (service,) = read(FileLines(several(CHECKED), "k.conf"), shared=True).statements
    servers = (service.body or [])[-3:]
    assert [statement.words[1] for statement in servers] == ["172.16.0.1", "172.16.0.2", "172.16.0.3"]
    assert len({id(statement.body) for statement in servers}) == 1
    (apart,) = read(FileLines(several(CHECKED), "k.conf")).statements
    assert apart == service._replace(body=apart.body)
    assert [statement.words for statement in (apart.body or [])[-1].body or []] == [
        statement.words for statement in servers[-1].body or []
    ]


def test_what_is_shared_has_no_one_place() -> None:
    document = read(FileLines(several(CHECKED), "k.conf"), shared=True)
    (service,) = document.statements
    first, *_ = servers = (service.body or [])[-3:]
    assert [document.span(statement).line for statement in servers] == [5, 15, 25]
    with pytest.raises(SharedPlaceError):
        document.span((first.body or [])[0])


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(CHECKED, id="http"),
        pytest.param(("TCP_CHECK {", "}", "TCP_CHECK {", " connect_port 81", "}"), id="two-of-a-kind"),
        pytest.param(("MISC_CHECK {", ' misc_path "/bin/true x"', "}", "! a comment", ""), id="quotes-and-comments"),
        pytest.param(("DNS_CHECK { name example.org", "}", "uthreshold 9", "inhibit_on_failure"), id="braces-in-lines"),
        pytest.param(
            ("SMTP_CHECK {", " host {", "  connect_ip 10.9.9.9", " }", "}", "notify_up /bin/true"), id="hosts"
        ),
        pytest.param((), id="empty"),
    ],
)
def test_what_is_shared_means_the_same(lines: Sequence[str]) -> None:
    """Trailing blanks make the bodies differ in their text, and in nothing else."""
    text = several(lines) + several(lines).replace("10.0.0.1", "10.0.0.2")
    apart = "".join(
        line + " " * number + "\n" if line.startswith(" ") else line + "\n"
        for number, line in enumerate(text.splitlines())
    )
    shared, each = (loads(each, file="k.conf") for each in (text, apart))
    assert shared.config is not None
    assert shared.config == each.config
    assert shared.diagnostics == each.diagnostics


@pytest.mark.parametrize(
    ("lines", "places"),
    [
        pytest.param(("weight -1",), [6, 9, 12], id="value"),
        pytest.param(("uthreshold 3", "lthreshold 4"), [7, 11, 15], id="meaning"),
        pytest.param(("weight 1 {", "}"), [6, 10, 14], id="braces"),
        pytest.param(("HTTP_GET {", " url {", "  path x", " }", "}"), [8, 15, 22], id="deep"),
        pytest.param(("HTTP_GET {", "}"), [6, 10, 14], id="missing"),
    ],
)
def test_what_is_wrong_with_what_looks_alike_is_told_of_each(lines: Sequence[str], places: list[int]) -> None:
    assert [found.span.line for found in loads(several(lines), file="k.conf").diagnostics] == places


def test_bodies_that_never_end() -> None:
    text = several(CHECKED).removesuffix(" }\n}\n")
    assert [found.message for found in loads(text, file="k.conf").diagnostics] == [
        "the `{` of `virtual_server` is never closed",
        "the `{` of `real_server` is never closed",
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
