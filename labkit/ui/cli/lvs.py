"""`labkit lvs`: the tables of a running lab's directors."""

import click

from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab import client

_ARGUMENTS = {"": ["-Ln"], "stats": ["-Ln", "--stats"], "rate": ["-Ln", "--rate"], "connections": ["-Lnc"]}


@click.command("lvs")
@click.argument("node", required=False)
@click.option("--name", metavar="LAB", help="Which running lab.")
@click.option("--stats", "what", flag_value="stats", help="Connections, packets and bytes since the beginning.")
@click.option("--rate", "what", flag_value="rate", help="The same, by the second.")
@click.option("--connections", "-c", "what", flag_value="connections", help="Every connection and where it goes.")
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
        for each in wanted:
            done = connection.run(each, ["ipvsadm", *_ARGUMENTS[what or ""]])
            if done.status:
                raise LabkitError(f"{each} has no table to show: {done.output.strip()}")
            if node is None:
                click.echo(click.style(f"{each}  {states[each]}", bold=True))
            click.echo(done.output, nl=False)
