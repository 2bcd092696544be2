"""`labkit fault` and `labkit heal`."""

import click

from labkit.lab import client
from labkit.ui.cli.plan import pairs

_WITH_WORDS = ("reload", "impair", "advert")


@click.command("fault")
@click.argument("target")
@click.argument("fault")
@click.argument("words", nargs=-1)
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="The same as a word NAME=VALUE.")
@click.option("--name", metavar="LAB", help="Which running lab.")
def fault_command(target: str, fault: str, words: tuple[str, ...], settings: tuple[str, ...], name: str | None) -> None:
    """Break something at TARGET: a node, an interface (server1.eth0) or a network.

    \b
    labkit fault server1 freeze               its daemon; also kill, stop, start, restart, thaw
    labkit fault server1 reload priority=90   with other variables
    labkit fault server1 service_stop         its web server
    labkit fault server1 fail_check           its check scripts, or one by name
    labkit fault server1.eth0 cut             also link_down, port_down
    labkit fault server1.eth0 impair loss=20% delay=50ms
    labkit fault lan partition server1 server2,host
    labkit fault server1 mute server2         its adverts do not reach server2
    labkit fault server3 vip_add              also vip_remove; by hand, behind the daemon's back
    labkit fault host advert priority=255 source=server1
    labkit fault server1 load                 of its CPU
    """
    with client.Client(client.choose(name)) as connection:
        connection.ask("fault", do=fault, value=_value(target, fault, (*words, *settings)))


def _value(target: str, fault: str, words: tuple[str, ...]) -> object:
    """Return what a scenario file would say behind the verb."""
    if fault == "partition":
        return {target: [word.split(",") for word in words]}
    if fault in _WITH_WORDS:
        return {target: pairs(words, "WORDS")} if words else target
    if fault in ("fail_check", "mend_check") and words:
        return f"{target}.{words[0]}"
    return {target: " ".join(words)} if words else target


@click.command("heal")
@click.argument("target", default="all")
@click.option("--name", metavar="LAB", help="Which running lab.")
def heal_command(target: str, name: str | None) -> None:
    """Undo what was broken at TARGET, or everywhere."""
    with client.Client(client.choose(name)) as connection:
        connection.ask("fault", do="heal", value=target)
