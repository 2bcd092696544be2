"""`labkit exec` and `labkit shell`: be in a node."""

import os
import signal
import sys

import click

from labkit.diagnostics import LabkitError
from labkit.lab import client

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--name", metavar="LAB", help="Which running lab.")
@click.argument("node")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec_command(name: str | None, node: str, command: tuple[str, ...]) -> None:
    """Run COMMAND in NODE, with this terminal's input and output; exits as the command does."""
    argv = command[1:] if command[0] == "--" else command
    if not argv:
        raise click.UsageError("a command is needed after --")
    _replace_self(name, node, list(argv))


@click.command("shell")
@click.option("--name", metavar="LAB", help="Which running lab.")
@click.argument("node")
def shell_command(name: str | None, node: str) -> None:
    """Open a shell in NODE; `exit` leaves it."""
    _replace_self(name, node, ["bash", "--norc", "--noprofile"])


def _replace_self(name: str | None, node: str, argv: list[str]) -> None:
    """Enter the node's namespaces and run there; the process that stays outside passes the exit status on."""
    environment = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", "PS1": f"root@{node}:\\w# "}
    environment["TERM"] = os.environ.get("TERM", "dumb")
    with client.Client(client.choose(name)) as connection:
        pidfd = connection.pidfd(node)
        if pidfd is None:
            from labkit.ui.cli import attached

            raise SystemExit(attached.run(connection, node, argv, environment))
    from labkit.kernel.process import die_with_parent
    from labkit.providers.netns import linux  # only a namespace node is entered like this

    try:
        linux.enter_node(pidfd)
    except linux.NamespaceError as error:
        raise LabkitError(f"node {node} cannot be entered: {error}") from error
    pid = os.fork()  # the child is the first of us in the node's PID namespace
    if pid == 0:
        die_with_parent(signal.SIGHUP)
        try:
            os.execvpe(argv[0], argv, environment)
        except OSError as error:
            sys.stderr.write(f"{argv[0]}: {_advice(argv[0], error)}\n")
            os._exit(127)
    while True:
        try:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        except KeyboardInterrupt:
            continue  # Ctrl-C is for the command; it decides
        raise SystemExit(status if status >= 0 else 128 - status)


_PACKAGES = {
    "arp": "net-tools",
    "killall": "psmisc",
    "tcpdump": "tcpdump",
    "ping": "iputils-ping",
    "ipvsadm": "ipvsadm",
    "curl": "curl",
    "ip": "iproute2",
}


def _advice(program: str, error: OSError) -> str:
    package = _PACKAGES.get(program)
    if isinstance(error, FileNotFoundError) and package:
        return f"not installed on this machine; install it: sudo apt-get install {package}"
    return str(error.strerror)
