"""`labkit lvs`: the tables of a running lab's directors."""

import json

import click

from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab import client

_COMMANDS = {
    "": ["ipvsadm", "-Ln"],
    "stats": ["ipvsadm", "-Ln", "--stats"],
    "rate": ["ipvsadm", "-Ln", "--rate"],
    "connections": ["ipvsadm", "-Lnc"],
    "json": ["pykeepalived", "lvs", "--json"],
}


@click.command("lvs")
@click.argument("node", required=False)
@click.option("--name", metavar="LAB", help="Which running lab.")
@click.option("--stats", "what", flag_value="stats", help="Connections, packets and bytes since the beginning.")
@click.option("--rate", "what", flag_value="rate", help="The same, by the second.")
@click.option("--connections", "-c", "what", flag_value="connections", help="Every connection and where it goes.")
@click.option("--json", "what", flag_value="json", help="One JSON object for each director, by its name.")
def lvs_command(node: str | None, name: str | None, what: str | None) -> None:
    """Show which web servers a director knows and gives connections to, as `ipvsadm -Ln` in NODE does.

    Without NODE: all directors, the one that holds the virtual address first.
    """
    with client.Client(client.choose(name)) as connection:
        answer = connection.ask("status")
        nodes = answer["nodes"] if isinstance(answer["nodes"], list) else []
        states = {each["name"]: each["state"] for each in nodes if each["role"] == "router"}
        if node is not None and node not in states:
            raise LabkitError(f"no director '{node}' in lab {connection.instance}; {did_you_mean(node, states)}")
        wanted = [node] if node else sorted(states, key=lambda each: states[each] != "MASTER")
        if what == "json":
            click.echo(json.dumps({each: json.loads(_table(connection, each, what)) for each in wanted}, indent=2))
            return
        for each in wanted:
            table = _table(connection, each, what or "")
            if node is None:
                click.echo(click.style(f"{each}  {states[each]}", bold=True))
            click.echo(table, nl=False)


def _table(connection: client.Client, director: str, what: str) -> str:
    """Return what a director says of its table.

    Raises:
        LabkitError: it says nothing.
    """
    done = connection.run(director, _COMMANDS[what])
    if done.status:
        raise LabkitError(f"{director} has no table to show: {done.output.strip()}")
    return done.output
