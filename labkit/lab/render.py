"""Templates: the files they render to for each node, checked before anything starts."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import jinja2

from labkit.conf import loader as conf
from labkit.conf.model import Config
from labkit.diagnostics import Diagnostic, RefusedError, Span, did_you_mean
from labkit.lab.catalog import share
from labkit.lab.daemons import SCRIPTS, kind_of
from labkit.lab.provider import File
from labkit.lab.topology import CONFIG, PYKEEPALIVED_OPTIONS, Node, Role, Topology

_TEMPLATE_ERRORS = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""A template is a small program: it may divide by zero, or be no text."""


def render(topology: Topology, folder: Path, *, python: str = sys.executable) -> dict[str, tuple[File, ...]]:
    """Return the files of every node by name; a template of the lab's own folder goes before a shared one.

    `python` is how scripts in a node start the interpreter.

    Raises:
        RefusedError: a template is missing or wrong; holds the first complaint of each file.
    """
    renderer = _Renderer(folder)
    files = {node.name: tuple(renderer.files(node, _context(node, topology, python))) for node in topology.nodes}
    if renderer.complaints:
        raise RefusedError(dict.fromkeys(renderer.complaints))
    return files


class _Renderer:
    """Renders templates, and keeps the first complaint of each."""

    def __init__(self, folder: Path) -> None:
        self.complaints: list[Diagnostic] = []
        self._folder = folder
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([folder / "templates", share() / "templates"]),
            undefined=jinja2.StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )

    def files(self, node: Node, context: Mapping[str, object]) -> list[File]:
        """Return the files of a node: those of the lab file, and those that its daemon needs beside them."""
        files = list(self._render(node.templates, context))
        kind = kind_of(node)
        if node.role is not Role.ROUTER or not kind.files:
            return files
        files = [file for file in files if file.path not in SCRIPTS]
        text = next((file.text for file in files if file.path == CONFIG), "")
        config = conf.loads(text, file=f"{node.name}:{CONFIG}").config
        if config is not None:  # what is wrong with it is for `check` to say
            files += self._render(kind.files.items(), {**context, "config": config})
        return files

    def _render(self, templates: Iterable[tuple[str, str]], context: Mapping[str, object]) -> Iterator[File]:
        for path, template in templates:
            try:
                text = self._environment.get_template(template).render(context)
                target = self._environment.from_string(path).render(context)
            except _TEMPLATE_ERRORS as error:
                self.complaints.append(_complaint(error, template, self._folder))
                continue
            if not target.startswith("/") or ".." in target.split("/") or target.endswith("/"):
                self.complaints.append(_no_path(target, self._folder))
            yield File(path=target, text=text, mode=0o755 if text.startswith("#!") else 0o644)


def addressing(node: Node) -> list[str]:
    """Return the commands that give the node its addresses and its default route."""
    lines = [f"ip address add {link.address} dev {link.interface}" for link in node.links]
    lines += [f"ip address add {address}/32 dev lo" for address in node.loopback]
    return [*lines, f"ip route add default via {node.gateway}"] if node.gateway else lines


def network(node: Node) -> str:
    """Return the commands that would give the node its network as the lab file has it, for people to read."""
    lines = [*addressing(node), *(f"sysctl -w {name}={value}" for name, value in node.sysctls)]
    return "\n".join(lines) + "\n"


def _context(node: Node, topology: Topology, python: str) -> dict[str, object]:
    of_labkit = {"node": node, "topology": topology, "python": python, "pykeepalived_options": PYKEEPALIVED_OPTIONS}
    return {**topology.variables, **node.variables, **of_labkit}


def _no_path(path: str, folder: Path) -> Diagnostic:
    span = Span(file=str(folder / "lab.yml"), line=1, column=1)
    hint = "an absolute path of a file, such as /etc/motd, without `..`"
    return Diagnostic(span=span, message=f"'{path}' is no place for a file of a node", hint=hint)


def _complaint(error: Exception, template: str, folder: Path) -> Diagnostic:
    """Place a template error at its line: syntax errors carry it, others are found in the traceback."""
    if isinstance(error, jinja2.TemplateNotFound):
        span = Span(file=str(folder / "lab.yml"), line=1, column=1)
        found = sorted(path.name for path in (share() / "templates").iterdir())
        return Diagnostic(span=span, message=f"no template '{error.name}'", hint=did_you_mean(str(error.name), found))
    file, line = template, 1
    if isinstance(error, jinja2.TemplateSyntaxError):
        file, line = error.filename or template, error.lineno
    else:
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.endswith(template):
                file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            trace = trace.tb_next
    hint = "define it under `vars:` in lab.yml" if isinstance(error, jinja2.UndefinedError) else "correct the template"
    return Diagnostic(span=Span(file=file, line=line, column=1), message=str(error), hint=hint)


def check(files: Mapping[str, tuple[File, ...]]) -> tuple[dict[str, Config], list[Diagnostic]]:
    """Check every rendered keepalived.conf before anything starts; return them by node, and the warnings.

    Raises:
        RefusedError: a file is wrong; holds everything that is wrong in all of them.
    """
    configs: dict[str, Config] = {}
    errors: list[Diagnostic] = []
    warnings: list[Diagnostic] = []
    for node, rendered in files.items():
        for file in rendered:
            if file.path == CONFIG:
                loaded = conf.loads(file.text, file=f"{node}:{CONFIG}")
                if loaded.config is None:
                    errors += loaded.diagnostics
                else:
                    configs[node] = loaded.config
                    warnings += loaded.diagnostics
    if errors:
        raise RefusedError(errors)
    return configs, warnings
