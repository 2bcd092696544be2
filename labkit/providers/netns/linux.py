"""The Linux calls that namespaces need and Python 3.11 lacks: unshare(2), setns(2), mount(2), pivot_root(2)."""

import ctypes
import os
import struct
from pathlib import Path

from labkit.diagnostics import LabkitError

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x40000
_MNT_DETACH = 2
_SYS_MOUNT_SETATTR = 442  # the same on every architecture
_SYS_PIVOT_ROOT = {"x86_64": 155, "i686": 217, "armv7l": 218}.get(os.uname().machine, 41)
_AT_FDCWD, _AT_RECURSIVE, _MOUNT_ATTR_RDONLY = -100, 0x8000, 0x1
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_SECCOMP_ALLOW, _SECCOMP_SUCCEED = 0x7FFF0000, 0x00050000  # the latter: SECCOMP_RET_ERRNO with no error
_SET_IDENTITY = {  # audit architecture; setuid, setgid, setreuid, setregid, setgroups, setresuid, setresgid
    "x86_64": (0xC000003E, (105, 106, 113, 114, 116, 117, 119)),
    "aarch64": (0xC00000B7, (146, 144, 145, 143, 159, 147, 149)),
}

_libc = ctypes.CDLL(None, use_errno=True)


class NamespaceError(LabkitError):
    """The kernel refused a namespace or a mount; `code` is the errno."""

    def __init__(self, what: str, code: int) -> None:
        self.code = code
        super().__init__(f"{what}: {os.strerror(code)}")


def _checked(what: str, result: int) -> None:
    if result < 0:
        raise NamespaceError(what, ctypes.get_errno())


def unshare(flags: int) -> None:
    """Leave the namespaces of `flags` for new ones (CLONE_NEWPID: the next child is in the new one).

    Raises:
        NamespaceError: the kernel refused.
    """
    _checked("unshare", _libc.unshare(flags))


def setns(descriptor: int, flags: int) -> None:
    """Enter the namespaces of `flags` of a pidfd, or the one namespace that a descriptor names.

    Raises:
        NamespaceError: the kernel refused.
    """
    _checked("setns", _libc.setns(descriptor, flags))


def mount(source: str | Path, target: str | Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount as mount(2) does.

    Raises:
        NamespaceError: the kernel refused.
    """
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _checked(f"mount {kind or source} on {target}", _libc.mount(*arguments))


def unmount(target: str | Path) -> None:
    """Take a mount out of sight; it ends when nothing uses it any more.

    Raises:
        NamespaceError: the kernel refused.
    """
    _checked(f"umount {target}", _libc.umount2(os.fsencode(target), _MNT_DETACH))


def bind(source: str | Path, target: str | Path, *, read_only: bool = False) -> None:
    """Bind a file or a whole tree of mounts.

    Raises:
        NamespaceError: the kernel refused.
    """
    mount(source, target, flags=MS_BIND | MS_REC)
    if read_only:
        attributes = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
        where = os.fsencode(target)
        arguments = (_SYS_MOUNT_SETATTR, _AT_FDCWD, where, _AT_RECURSIVE, attributes, ctypes.c_size_t(len(attributes)))
        _checked(f"make {target} read-only", _libc.syscall(*arguments))


def pivot_root(root: Path) -> None:
    """Make `root` (a mount point) the root directory and let go of the old one.

    Raises:
        NamespaceError: the kernel refused.
    """
    os.chdir(root)
    # pivot_root(2), "pivot_root('.', '.')": the old root comes to lie on top of the new one, and is taken off
    _checked("pivot_root", _libc.syscall(_SYS_PIVOT_ROOT, b".", b"."))
    _checked("umount of the old root", _libc.umount2(b".", _MNT_DETACH))
    os.chdir("/")


def enter_user_namespace() -> None:
    """Become root of a new user namespace, which maps root to the calling user and nothing else (user_namespaces(7)).

    Raises:
        NamespaceError: user namespaces are not allowed.
    """
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER)
    for name, line in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        try:
            Path("/proc/self", name).write_text(line)
        except OSError as error:
            raise NamespaceError(f"write /proc/self/{name}", error.errno or 0) from error


def become_first_process() -> bool:
    """Go on as PID 1 of new PID and mount namespaces: all that is started there dies with this process.

    Returns in a grandchild of the caller (the process in between leaves at once): whether a user namespace was needed.

    Raises:
        NamespaceError: the kernel refused.
    """
    one_user = not can_be_root()
    if one_user:
        enter_user_namespace()
    unshare(CLONE_NEWNS | CLONE_NEWPID)
    if os.fork():
        os._exit(0)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    return one_user


def pretend_to_change_users() -> None:
    """Let setuid(2), setgroups(2) and their kin do nothing and succeed, for this process and all that it starts.

    A user namespace made without root maps one user, so programs that give up root, such as tcpdump, would fail there.
    They go on as root of the namespace instead, which is nobody but the caller outside.

    Raises:
        NamespaceError: the kernel refused.
    """
    architecture, numbers = _SET_IDENTITY.get(os.uname().machine, (0, ()))
    last = len(numbers)
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, architecture), (0x06, 0, 0, _SECCOMP_ALLOW), (0x20, 0, 0, 0)]
    program += [(0x15, last - n, 0, number) for n, number in enumerate(numbers)]  # jeq number, to the last line
    program += [(0x06, 0, 0, _SECCOMP_ALLOW), (0x06, 0, 0, _SECCOMP_SUCCEED)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    fprog = struct.pack("HL", len(program), ctypes.addressof(code))
    _checked("seccomp", _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, fprog, 0, 0))


def can_be_root() -> bool:
    """Return whether this process may make namespaces without a user namespace (CAP_SYS_ADMIN and CAP_NET_ADMIN)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            capabilities = int(line.split()[1], 16)
            return bool(capabilities >> 21 & 1 and capabilities >> 12 & 1)
    return False


def enter_node(pidfd: int) -> None:
    """Enter all namespaces of a node by a pidfd of its first process; the next child is in its PID namespace.

    Raises:
        NamespaceError: the kernel refused.
    """
    namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC
    if not can_be_root():
        setns(pidfd, CLONE_NEWUSER | namespaces)
        os.setgid(0)
        os.setuid(0)
        pretend_to_change_users()
    else:
        setns(pidfd, namespaces)
