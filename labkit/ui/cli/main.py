"""The `labkit` command: loads a command group only when it is called, so that answers come at once."""

import importlib
import sys
from typing import Any, NoReturn

import click

from labkit.diagnostics import LabkitError, did_you_mean

COMMANDS = {
    "labs": ("labs", "List the labs and their variants."),
    "render": ("labs", "Print or write the files that a lab gives each node."),
    "export": ("export", "Write a lab for containerlab, Kathará, Docker Compose or real hosts."),
    "image": ("image", "Build the image of nodes that are containers."),
    "import": ("importing", "Make a lab of a containerlab topology or a Kathará lab."),
    "up": ("life", "Raise a lab."),
    "down": ("life", "End a lab, or all of them."),
    "status": ("watch", "Show who is MASTER, and why."),
    "lvs": ("lvs", "Show the tables of a lab's directors, as ipvsadm does."),
    "logs": ("watch", "Show the syslog of one node or of all."),
    "events": ("watch", "Show the trace: everything that happened, on one clock."),
    "exec": ("enter", "Run a command in a node."),
    "shell": ("enter", "Open a shell in a node."),
    "fault": ("breaking", "Break something in a running lab."),
    "heal": ("breaking", "Undo what was broken."),
    "run": ("run", "Run a lab's scenarios and give a verdict for each."),
    "replay": ("replaying", "Judge a recorded run again, without a lab."),
    "new": ("writing", "Make a folder with a lab, a scenario and a test of your own."),
    "schema": ("writing", "Print the JSON Schema of scenario files or of lab.yml."),
    "sim": ("sim", "Let thousands of simulated routers live through faults."),
    "compare": ("compare", "Run a lab's scenarios with different daemons, side by side."),
    "doctor": ("doctor", "Tell what this machine can do, and what to install for the rest."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"labkit.ui.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no command '{args[0]}'; {did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="labkit", message="labkit %(version)s")
def cli() -> None:
    """Learn, demonstrate and test high availability with real packets on one machine.

    \b
    labkit run failover      prove every failover of the guide, with measured times
    labkit up failover       raise the lab and play with it
    labkit shell server1     be on a server; everything of the guide works there
    """


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line; exit 0 when all is well, 1 when a verdict failed, 2 on a mistake or a broken lab."""
    options: dict[str, Any] = {"standalone_mode": False, "prog_name": "labkit"}
    try:
        status = cli.main(argv, **options)
    except click.exceptions.Abort:
        click.echo("\ninterrupted; nothing is left behind", err=True)
        sys.exit(130)
    except KeyboardInterrupt:
        click.echo("\ninterrupted; nothing is left behind", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except LabkitError as error:
        for line in str(error).splitlines():
            click.echo(f"labkit: {line}" if ":" not in line.split(" ")[0] else line, err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # `labkit events | head`
        sys.stderr.close()
        sys.exit(0)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
