"""`labkit status`, `labkit logs` and `labkit events`."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import click

from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab import client
from labkit.trace import Kind, Record

_COLOURS = {"MASTER": "green", "FAULT": "red", "BACKUP": "yellow"}


@click.command("status")
@click.argument("lab", required=False)
@click.option("--name", metavar="LAB", help="The same as LAB.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def status_command(lab: str | None, name: str | None, as_json: bool) -> None:
    """Show, for every node of the running LAB, its state, the reason, and its addresses."""
    with client.Client(client.choose(lab or name)) as connection:
        answer: dict[str, Any] = connection.ask("status")
    if as_json:
        click.echo(json.dumps(answer, indent=2))
        return
    owners = answer["owners"]
    holds = f"is on {' and '.join(owners)}" if owners else "is on no node"
    click.echo(f"{answer['instance']}: {answer['vip']} {holds}" if answer["vip"] else f"{answer['instance']}: no vip")
    for broken in answer["broken"]:
        click.echo(f"broken: {broken}")
    for node in answer["nodes"]:
        _show_node(node, str(answer["vip"]))


def _show_node(node: dict[str, Any], vip: str) -> None:
    click.echo(f"\n{click.style(node['name'], bold=True)}", nl=False)
    if node["state"]:
        priority = f" priority {node['priority']}" if node["priority"] is not None else ""
        since = f" for {node['for_s']:.0f} s" if node["for_s"] is not None else ""
        state = click.style(node["state"], fg=_COLOURS.get(node["state"]))
        click.echo(f"  {state}{since}: {node['why']}  ({node['daemon']}{priority})")
    elif node["role"] == "server" or not vip:
        click.echo()
    else:
        click.echo(f"  {vip} is at {node['arp']}" if node["arp"] else f"  {vip} is not in its ARP table")
    for interface in node["interfaces"]:
        up = "" if interface["up"] else click.style("  DOWN", fg="red")
        virtual = "".join(f"  +{address}" for address in interface["virtual"])
        of_the_lab = f"  {interface['address']:<18} {interface['lladdr']}" if interface["address"] else ""
        click.echo(f"  {interface['name']}{of_the_lab}{virtual}{up}")


@click.command("logs")
@click.argument("node", required=False)
@click.option("--name", metavar="LAB", help="Which running lab.")
@click.option("--follow", "-f", is_flag=True, help="Go on as lines come, until Ctrl-C.")
def logs_command(node: str | None, name: str | None, follow: bool) -> None:
    """Show the syslog of NODE, or of all nodes together in the order of time."""
    for record in _records(name, node, [Kind.LOG], follow=follow):
        click.echo(str(record.data["line"]))


@click.command("events")
@click.option("--node", metavar="NODE", help="Only what happened on this node or network.")
@click.option("--name", metavar="LAB", help="Which running lab.")
@click.option("--follow", "-f", is_flag=True, help="Go on as things happen, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--vip", is_flag=True, help="Only what concerns the virtual address: states, addresses, announcements.")
def events_command(node: str | None, name: str | None, follow: bool, as_json: bool, vip: bool) -> None:
    """Show the trace of a running lab: everything that happened, on one clock."""
    from labkit.lab.report import happening  # not before it is wanted

    kinds = [kind for kind in Kind if kind not in (Kind.LOG, Kind.PRESSURE)]
    if vip:
        kinds = [Kind.STATE, Kind.ADDRESS, Kind.ANNOUNCE, Kind.FAULT, Kind.HEAL, Kind.PROBE]
    for record in _records(name, node, kinds, follow=follow):
        click.echo(record.to_json() if as_json else happening(record))


def _records(name: str | None, node: str | None, kinds: Sequence[Kind], *, follow: bool) -> Iterator[Record]:
    with client.Client(client.choose(name)) as connection:
        if node is not None:
            answer = connection.ask("info")
            known = [*_names(answer["nodes"]), *_names(answer["networks"])]
            if node not in known:
                raise LabkitError(f"no node '{node}' in lab {connection.instance}; {did_you_mean(node, known)}")
        connection.ask("follow", kinds=[kind.value for kind in kinds])
        records = connection.next_records(0.0)
        while True:
            yield from (record for record in records if node in (None, record.node))
            if not follow:
                return
            records = connection.next_records(3600.0)


def _names(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
