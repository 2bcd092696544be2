"""What stands in the way of running a command of the configuration: its user, its file, its safety.

Looked at when a configuration is taken, so that nothing has to be found out when the command is needed.
"""

import grp
import os
import pwd
import re
import stat
from itertools import pairwise
from pathlib import Path

from labkit.conf.model import Command, GlobalDefs, User
from labkit.diagnostics import LabkitError
from labkit.values import dataclass

_DEFAULT_USER = "keepalived_script"
_ROOT = 0
_SHELL_WORD = re.compile(r"\|\|?|&&?|;|[^'\"]*;|[0-9]*(>|<).*")
_FOR_A_SHELL = re.compile(r"-[a-z]*c")  # as in `/bin/bash -ec TEXT`


class NoSuchAccountError(LabkitError):
    """The configuration names a user or group that this machine does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user and group to run commands as."""

    user: int
    group: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command that is ready to run as `who`; `argv` begins with the file itself, `text` is what the file says.

    `refused` says why it must not run, `unable` why it could not just now; `doubts` are what a person should hear of it
    although it may run.
    """

    argv: tuple[str, ...]
    text: str
    who: Account | None = None
    refused: str = ""
    unable: str = ""
    doubts: tuple[str, ...] = ()


def account(user: User | None, defaults: GlobalDefs) -> Account | None:
    """Return whom to run a command as: `user`, else script_user, else keepalived_script where there is such a user.

    None: as the daemon itself, because nobody is named or because it is not root.

    Raises:
        NoSuchAccountError: the configuration names a user or group that does not exist.
    """
    if os.geteuid() != _ROOT:
        return None
    named = user or defaults.script_user
    name, group_name = named or (_DEFAULT_USER, None)
    try:
        entry = pwd.getpwnam(name)
        group = grp.getgrnam(group_name).gr_gid if group_name else entry.pw_gid
    except KeyError as error:
        if named is None:
            return None
        who = f"user '{name}'" + (f" or group '{group_name}'" if group_name else "")
        raise NoSuchAccountError(f"{who} does not exist") from error
    return Account(user=entry.pw_uid, group=group, name=entry.pw_name)


def prepare(command: Command, defaults: GlobalDefs, user: User | None = None) -> Program:
    """Look at a command that is to run as its own user, else as `user`, else as global_defs say."""
    try:
        who = account(command.user or user, defaults)
    except NoSuchAccountError as error:
        return Program(argv=command.argv, text=command.text, refused=str(error))
    name = command.argv[0]
    found = name if "/" in name else find_program(name)
    if found is None:
        doubt = f"`{name}` is in no folder of PATH"
        return Program(argv=command.argv, text=command.text, who=who, unable=doubt, doubts=(doubt,))
    doubts: list[str] = []
    if found != name:
        doubts.append(f"script `{name}` resolved by path search to `{found}`")
    if text := _meant_for_a_shell(command.argv):
        doubts.append(f"no shell runs it, so that `{text}` is an argument like any other")
    refused = ""
    if defaults.enable_script_security and runs_as_root(who):
        refused = unsafe(Path(found).absolute())
    if (unable := _trouble(found)) and unable != refused:
        doubts.append(unable)
    argv = (found, *command.argv[1:])
    return Program(argv=argv, text=command.text, who=who, refused=refused, unable=unable, doubts=tuple(doubts))


def _meant_for_a_shell(argv: tuple[str, ...]) -> str:
    """Return the first argument that only a shell would understand, and that none is given to understand."""
    for before, text in pairwise(argv):
        if _SHELL_WORD.fullmatch(text) and not _FOR_A_SHELL.fullmatch(before):
            return text
    return ""


def find_program(name: str) -> str | None:
    """Return the path of a program in the folders of PATH; shutil.which(3) brings three compressors along."""
    paths = (os.path.join(folder, name) for folder in os.get_exec_path())  # noqa: PTH118 - "" is a folder here
    return next((path for path in paths if os.access(path, os.X_OK) and Path(path).is_file()), None)


def runs_as_root(who: Account | None) -> bool:
    """Tell whether a command of `who` has root's rights."""
    return os.geteuid() == _ROOT if who is None else who.user == _ROOT


def _trouble(path: str) -> str:
    """Say why `path` could not be run just now."""
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        return f"{path}: {error.strerror}"
    if not stat.S_ISREG(mode):
        return f"{path} is not a file"
    return "" if mode & 0o111 else f"{path} is not executable"


def unsafe(path: Path) -> str:
    """Say which part of `path` somebody other than root could replace, or nothing (enable_script_security).

    Links are followed; the folders that a link stands in count as well.  In a sticky folder only the owner of an entry
    can replace it.
    """
    real = Path(os.path.realpath(path))
    for whole in dict.fromkeys((path, real)):
        for part in (*reversed(whole.parents), whole):
            if problem := _weak_point(part):
                return problem
    return ""


def _weak_point(part: Path) -> str:
    try:
        status = part.lstat()
    except OSError as error:
        return f"{part}: {error.strerror}"
    if stat.S_ISLNK(status.st_mode):  # whoever may replace it owns it or its folder
        return "" if status.st_uid == _ROOT else f"{part} belongs to user {_name_of(status.st_uid)}, not to root"
    if status.st_uid != _ROOT:
        return f"{part} belongs to user {_name_of(status.st_uid)}, not to root"
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return ""
    if status.st_mode & stat.S_IWGRP and status.st_gid != _ROOT:
        return f"{part} may be written by group {_group_of(status.st_gid)}"
    return f"{part} may be written by everybody" if status.st_mode & stat.S_IWOTH else ""


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def _group_of(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)
