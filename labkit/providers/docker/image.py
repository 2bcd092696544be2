"""The image of nodes: built by the engine from packaging/Dockerfile and the files of this very labkit."""

import hashlib
import io
import tarfile
from collections import deque
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Protocol

import labkit
from labkit.lab.catalog import share
from labkit.lab.export.target import IMAGE
from labkit.providers.docker.engine import Engine, EngineError, refusals

_SOURCES = "labkit.sources"  # a label: what the image was made of
_KEPT = 20  # lines of what was said before an error
_SHARED = ("pyproject.toml", "README.md", "LICENSE", "labs", "templates", "packaging")


class Labelled(Protocol):
    """What knows an image: an engine."""

    def image_label(self, name: str) -> str | None:
        """Return a label of the image; empty when it has none of that name, none when there is no image."""


def missing(engine: Labelled) -> str:
    """Return in words what is wrong with the engine's image of nodes; empty: it is there, and made of this labkit."""
    sources = engine.image_label(_SOURCES)
    if sources is None:
        return f"the engine has no image {IMAGE}: build it with `labkit image` (a minute or two, once)"
    if sources != digest():
        return f"the engine's image {IMAGE} is of another labkit: build it anew with `labkit image`"
    return ""


def build(engine: Engine, arguments: Mapping[str, str], network: str | None) -> Iterator[str]:
    """Have the engine build the image; yield what it says meanwhile.  `arguments` are those of the Dockerfile.

    Raises:
        EngineError: it did not come to its end; says what the engine said last.
    """
    last: deque[str] = deque(maxlen=_KEPT)
    with refusals("the image is not built"):
        said = engine.client.api.build(
            fileobj=_context(),
            custom_context=True,
            dockerfile="packaging/Dockerfile",
            tag=IMAGE,
            buildargs=dict(arguments),
            network_mode=network,
            labels={_SOURCES: digest()},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for message in said:
            if "error" in message:
                raise EngineError(
                    "\n".join(("the image is not built; the engine said:", *last, message["error"])).strip()
                )
            for line in filter(str.strip, message.get("stream", "").splitlines()):
                last.append(line)
                yield line


def _context() -> io.BytesIO:
    """Return what the Dockerfile copies, as a tar archive."""
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, path in _files():
            archive.add(path, name, recursive=False)
    context.seek(0)
    return context


@cache
def digest() -> str:
    """Return what tells these sources from others: the same for a checkout and for the package that it makes."""
    whole = hashlib.sha256()
    for name, path in _files():
        content = path.read_bytes()
        whole.update(f"{name} {len(content)}\n".encode() + content)
    return whole.hexdigest()


def _files() -> Iterator[tuple[str, Path]]:
    """Yield the files by their names in a checkout, from there or from an installed package."""
    package, shared = Path(labkit.__file__).parent, share()
    folders = [("labkit", package), *((name, shared / name) for name in _SHARED)]
    for name, folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
            inside = path.relative_to(folder)
            if path.is_file() and not {"__pycache__", "_share"} & set(inside.parts):
                yield str(name / inside), path
