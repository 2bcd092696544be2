"""A node's private root: the host's programs, read-only, and its own /etc, /var/log, /run, /tmp and /dev/log.

The root is a tmpfs.  The host's top-level folders are bound into it read-only; a folder that a node must be able to
write in (`_GRAFTED`) is a real folder of the tmpfs that holds one symbolic link for each entry of the host's folder, so
that an entry can be replaced or added while nothing is copied.  Nothing here touches the host: all of it lies in the
mount namespace of the node and vanishes with it.
"""

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path

import labkit
from labkit.lab.provider import File
from labkit.providers.netns import linux

_OWN = frozenset({"proc", "sys", "dev", "run", "etc", "var", "tmp", "lost+found"})  # never the host's
_HOST = ".host"  # where the originals of grafted folders are bound
_GRAFTED = {
    "etc": frozenset({"keepalived", "frr", "init.d", "hosts", "hostname", "resolv.conf"}),
    "var": frozenset({"log", "www", "run", "lock", "tmp", "mail", "spool"}),
    "usr/local/bin": frozenset[str](),
}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "net/tun")
_FOLDERS = (
    *("proc", "sys", "run/lock", "run/labkit", "tmp", "dev/pts", "dev/shm", "dev/net"),
    *("var/log", "var/tmp", "var/www/html", "var/mail", "etc/keepalived", "etc/init.d"),
)
_LOG = "/run/labkit/log"
_MODES = {"tmp": 0o1777, "var/tmp": 0o1777, "dev/shm": 0o1777}


def enter(root: Path, hostname: str, hosts: str, files: Iterable[File]) -> None:
    """Build the node's root on `root` (an empty directory) and make it the root of this process.

    The caller is in mount and PID namespaces of its own.

    Raises:
        NamespaceError, OSError: the kernel refused a mount or a file.
    """
    linux.mount("tmpfs", root, "tmpfs", linux.MS_NOSUID, "mode=755")
    _bind_host(root)
    for folder, own in _GRAFTED.items():
        _graft(root, folder, own)
    _make_own(root)
    _devices(root)
    linux.mount("proc", root / "proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    linux.mount("sysfs", root / "sys", "sysfs", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    _bind_interpreter(root)
    _write(root, File(path="/etc/hostname", text=f"{hostname}\n"))
    _write(root, File(path="/etc/hosts", text=hosts))
    for file in files:
        _write(root, file)
    linux.pivot_root(root)


def furnish(hosts: str, files: Iterable[File]) -> None:
    """Write a node's files where its root is there already, as in a container.

    Raises:
        OSError: a file cannot be written.
    """
    for folder in ("run/lock", "run/labkit", "var/log", "var/www/html", "etc/keepalived", "etc/init.d"):
        Path("/", folder).mkdir(parents=True, exist_ok=True)
    Path("/dev/log").symlink_to(_LOG)
    Path("/etc/hosts").write_text(hosts)  # in place: the engine has mounted it
    for file in files:
        _write(Path("/"), file)


def _bind_host(root: Path) -> None:
    for entry in sorted(Path("/").iterdir()):
        target = root / entry.name
        if entry.name in _OWN:
            continue
        if entry.is_symlink():
            target.symlink_to(entry.readlink())
        elif entry.is_dir():
            target.mkdir()
            linux.bind(entry, target, read_only=True)


def _graft(root: Path, folder: str, own: frozenset[str]) -> None:
    """Make `folder` writable: a link for each entry of the host's, save those that are the node's own."""
    source, original, target = Path("/", folder), root / _HOST / folder, root / folder
    if not source.is_dir():
        return
    original.mkdir(parents=True)
    linux.bind(source, original, read_only=True)
    work = target
    if target.exists():  # below a read-only tree: prepare it elsewhere, then lay it on top
        work = root / _HOST / "graft" / folder
    work.mkdir(parents=True)
    for entry in source.iterdir():
        if entry.name not in own:
            link = entry.readlink() if entry.is_symlink() else Path("/", _HOST, folder, entry.name)
            (work / entry.name).symlink_to(link)
    if work is not target:
        linux.bind(work, target)


def _make_own(root: Path) -> None:
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for link, target in (("var/run", "/run"), ("var/lock", "/run/lock")):
        with contextlib.suppress(FileExistsError):
            (root / link).symlink_to(target)
    for folder, mode in _MODES.items():
        (root / folder).chmod(mode)


def _devices(root: Path) -> None:
    for name in _DEVICES:
        device = Path("/dev", name)
        if device.exists():
            (root / "dev" / name).touch()
            linux.bind(device, root / "dev" / name)
    linux.mount(
        "devpts", root / "dev/pts", "devpts", linux.MS_NOSUID | linux.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620"
    )
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "log": _LOG}
    links |= {"stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
    for name, target in links.items():
        (root / "dev" / name).symlink_to(target)


def _bind_interpreter(root: Path) -> None:
    """The running Python and labkit must be there even when they lie in a folder that is the node's own (/tmp)."""
    needed_ones = {sys.prefix, sys.base_prefix, str(Path(labkit.__file__).parents[1])}
    for needed in sorted(needed_ones):  # a folder comes before what lies in it, which is there then
        if Path(needed).parts[1] in _OWN:
            target = root / Path(needed).relative_to("/")
            if not target.exists():
                target.mkdir(parents=True)
                linux.bind(needed, target, read_only=True)


def _write(root: Path, file: File) -> None:
    target = root / Path(file.path).relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        target.unlink()
    target.write_text(file.text)
    target.chmod(file.mode)
