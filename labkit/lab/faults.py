"""Faults: how each verb is done in a running lab, and how it is undone.

A fault is an async function that breaks something and returns what undoes it, or None where there is nothing to undo.
What cannot be done here is refused with a sentence that says why.
"""

import re
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from typing import Final, TypeAlias

from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab import frr
from labkit.lab.actions import Action, duration
from labkit.lab.daemons import Kind, kind_of
from labkit.lab.forged import forge
from labkit.lab.hands import Hands, Undo
from labkit.lab.provider import Drop, File, Impairment, LackingError
from labkit.lab.topology import CONFIG, Node

_MASK = """\
set -e
folder=/run/labkit/checks; program=$(readlink -f "$(command -v "$2")")
name=$(echo "$program" | tr / _); list=$folder/$name.fail
verb=$1; shift 2
put() { mount --bind "$1" "$2" 2>/dev/null || cp -p --remove-destination "$1" "$2"; }
mkdir -p $folder; touch $list
case $verb in
fail)
    if [ ! -e $folder/$name.real ]; then
        touch $folder/$name.real
        put "$program" $folder/$name.real
        {
            echo '#!/bin/sh'
            echo "while read -r line; do [ \\"\\$line\\" = \\"\\$*\\" ] && exit 1; done < $list"
            echo "exec $folder/$name.real \\"\\$@\\""
        } > $folder/$name
        chmod 755 $folder/$name
        put $folder/$name "$program"
    fi
    echo "$*" >> $list ;;
mend)
    grep -vxF -- "$*" $list > $list.new || true
    mv $list.new $list
    if [ ! -s $list ] && [ -e $folder/$name.real ]; then
        umount "$program" 2>/dev/null && umount $folder/$name.real || put $folder/$name.real "$program"
        rm -f $folder/$name.real
    fi ;;
esac
"""
"""Puts a program in front of a check's own, in this node only, that fails for the check's arguments and no others.

A container may not mount, but its programs are its own: there it is a copy.
"""


def _kind(hands: Hands, node: str) -> Kind:
    return kind_of(hands.topology.node(node))


async def _signal(hands: Hands, node: str, number: signal.Signals) -> int:
    """Send a signal to all processes of a node's daemon; return how many there are."""
    return sum([await hands.provider.signal(node, name, number) for name in _kind(hands, node).processes])


def _must_run(hands: Hands, node: str, count: int) -> None:
    if not count:
        kind = _kind(hands, node)
        raise LabkitError(f"no {kind.processes[-1]} runs on {node}; start it: {kind.script} start")


async def _kill(hands: Hands, action: Action) -> Undo:
    _must_run(hands, action.node, await _signal(hands, action.node, signal.SIGKILL))
    return hands.undo(action.node, _kind(hands, action.node).script, "start")


async def _stop(hands: Hands, action: Action) -> Undo:
    script = _kind(hands, action.node).script
    await hands.command(action.node, script, "stop")
    return hands.undo(action.node, script, "start")


async def _start(hands: Hands, action: Action) -> None:
    await hands.command(action.node, _kind(hands, action.node).script, action.verb)


async def _freeze(hands: Hands, action: Action) -> Undo:
    """SIGSTOP: it neither hears nor says anything, and all its addresses stay."""
    _must_run(hands, action.node, await _signal(hands, action.node, signal.SIGSTOP))

    async def undo() -> None:
        await _signal(hands, action.node, signal.SIGCONT)

    return undo


async def _reload(hands: Hands, action: Action) -> Undo:
    """Render the files of a node's daemon with other variables, have it read them; undone, it reads the old ones."""
    node, script = action.node, _kind(hands, action.node).script
    old = _configuring(hands, node)
    before = hands.topology, dict(hands.configs)
    nodes = tuple(
        replace(each, variables={**each.variables, **dict(action.words)}) if each.name == node else each
        for each in hands.topology.nodes
    )
    hands.topology = replace(hands.topology, nodes=nodes)
    try:
        new = _configuring(hands, node)
        frr.refuse_reload(hands.topology.node(node), before[1][node], hands.configs[node])
    except LabkitError:
        hands.topology, hands.configs = before
        raise
    for file in new:
        await hands.write(node, file.path, file.text)
    await hands.command(node, script, "reload")

    async def undo() -> None:
        hands.topology, hands.configs = before
        for file in old:
            await hands.write(node, file.path, file.text)
        await hands.provider.run(node, [script, "reload"])

    return undo


def configuration(hands: Hands, node: str) -> str:
    """Return the node's keepalived.conf as its variables are now; what bounds are computed from changes with it.

    Raises:
        RefusedError: it would be wrong.
        LabkitError: the node has none.
    """
    return next(file.text for file in _configuring(hands, node) if file.path == CONFIG)


def _configuring(hands: Hands, node: str) -> list[File]:
    """Return the files that configure the node's daemon, keepalived.conf among them."""
    from labkit.lab import render  # the template language takes long to import, and few faults need it

    files = render.render(hands.topology, hands.folder, python=hands.python)[node]
    hands.configs |= render.check({node: files})[0]
    if not any(file.path == CONFIG for file in files):
        raise LabkitError(f"{node} has no {CONFIG} that could be reloaded")
    return [file for file in files if file.path in (CONFIG, *_kind(hands, node).files)]


def _web(hands: Hands) -> str:
    return f"/etc/init.d/{'nginx' if hands.topology.variables.get('web') == 'nginx' else 'apache2'}"


async def _service_stop(hands: Hands, action: Action) -> Undo:
    _must_serve(hands.topology.node(action.node))
    await hands.command(action.node, _web(hands), "stop")
    return hands.undo(action.node, _web(hands), "start")


async def _service_start(hands: Hands, action: Action) -> None:
    _must_serve(hands.topology.node(action.node))
    await hands.command(action.node, _web(hands), "start")


def _must_serve(node: Node) -> None:
    if not node.services:
        raise LabkitError(f"{node.name} has no web server; give its role `services: [web]` in lab.yml")


async def _fail_check(hands: Hands, action: Action) -> Undo:
    """Make check scripts fail whatever they find: one by name, or all of the node."""
    node, wanted = action.node, action.word("script")
    known = {script.check.name: script for script in hands.configs[node].scripts}
    if not known:
        raise LabkitError(f"{node} has no vrrp_script in its keepalived.conf; a variant may have one")
    if wanted and wanted not in known:
        raise LabkitError(f"{node} has no vrrp_script '{wanted}'; {did_you_mean(wanted, known)}")
    commands = [script.command.argv for name, script in known.items() if wanted in ("", name)]
    for argv in commands:
        await hands.command(node, "/bin/sh", "-c", _MASK, "sh", "fail", *argv)

    async def undo() -> None:
        for argv in commands:
            await hands.command(node, "/bin/sh", "-c", _MASK, "sh", "mend", *argv)

    return undo


async def _load(hands: Hands, action: Action) -> Undo:
    """Take all the time of one CPU that the machine gives; other nodes have their share of what is left."""
    pid = await hands.command(action.node, "/bin/sh", "-c", "while :; do :; done > /dev/null 2>&1 & echo $!")
    return hands.undo(action.node, "/bin/kill", "-KILL", pid.strip())


async def _change_address(hands: Hands, action: Action) -> Undo:
    node, address = action.node, action.word("address")
    shown = await hands.command(node, "ip", "-o", "-4", "address", "show")
    places = dict(re.findall(rf"^\d+: (\S+) +inet ({re.escape(address)}/\d+)", shown, re.MULTILINE))
    if action.verb == "vip_add":
        links = hands.topology.node(node).links
        here = next((link.interface for link in links if _covers(link.address, address)), links[0].interface)
        if here in places:
            raise LabkitError(f"{node} holds {address} already, on {here}")
        place = (f"{address}/32", "dev", here)
        await hands.command(node, "ip", "address", "add", *place)
        return hands.undo(node, "ip", "address", "del", *place)
    if not places:
        raise LabkitError(f"{node} does not hold {address}; `labkit status` shows who does")
    interface, found = places.popitem()
    place = (found, "dev", interface)
    await hands.command(node, "ip", "address", "del", *place)
    return hands.undo(node, "ip", "address", "add", *place)


def _covers(interface: IPv4Interface, address: str) -> bool:
    return IPv4Address(address) in interface.network


async def _advert(hands: Hands, action: Action) -> Undo:
    return forge(hands, action)


# --- links and switches -----------------------------------------------------------------------------------------------


async def _link(hands: Hands, action: Action) -> Undo:
    node, interface = action.node, action.interface
    change = hands.provider.set_link if action.verb == "link_down" else hands.provider.set_port
    change(node, interface, up=False)

    async def undo() -> None:
        change(node, interface, up=True)

    return undo


async def _cut(hands: Hands, action: Action) -> Undo:
    hands.provider.cut(action.node, action.interface, cut=True)

    async def undo() -> None:
        hands.provider.cut(action.node, action.interface, cut=False)

    return undo


async def _partition(hands: Hands, action: Action) -> Undo:
    drops = [
        Drop(source=source, target=target)
        for group in action.groups
        for other in action.groups
        if other is not group
        for source in group
        for target in other
    ]
    return hands.switch(action.node, drops)


async def _mute(hands: Hands, action: Action) -> Undo:
    """Adverts only: everything else passes, and adverts of the other direction too."""
    target = action.word("to")
    there = {link.network for link in hands.topology.node(target).links}
    shared = [link.network for link in hands.topology.node(action.node).links if link.network in there]
    if not shared:
        raise LabkitError(f"{action.node} and {target} are on no network together")
    undoing = [hands.switch(network, [Drop(source=action.node, target=target, adverts=True)]) for network in shared]

    async def undo() -> None:
        for each in undoing:
            await each()

    return undo


async def _impair(hands: Hands, action: Action) -> Undo:
    """Loss alone can be had without netem, by the switch's packet filter; all else is netem's work."""
    node, interface = action.node, action.interface
    shares = {name: float(action.word(name).rstrip("%") or 0) / 100 for name in ("loss", "duplicate", "reorder")}
    delay, jitter = (duration((), action.word(name) or "0ms") for name in ("delay", "jitter"))
    wanted = Impairment(delay=delay, jitter=jitter, **shares)
    missing = hands.provider.impair(node, interface, wanted)
    if not missing:

        async def undo() -> None:
            hands.provider.impair(node, interface, None)

        return undo
    if wanted != Impairment(loss=wanted.loss):
        others = ", ".join(name for name, _ in action.words if name != "loss")
        raise LackingError(f"netem is missing for {others} ({missing}); without it there is loss only")
    link = hands.topology.node(node).link(interface)
    network = link.network if link else ""
    return hands.switch(network, [Drop(source=node, share=wanted.loss), Drop(target=node, share=wanted.loss)])


Fault: TypeAlias = Callable[[Hands, Action], Awaitable[Undo | None]]

FAULTS: Final[Mapping[str, Fault]] = {
    "kill": _kill,
    "stop": _stop,
    "start": _start,
    "restart": _start,
    "freeze": _freeze,
    "reload": _reload,
    "service_stop": _service_stop,
    "service_start": _service_start,
    "fail_check": _fail_check,
    "load": _load,
    "vip_add": _change_address,
    "vip_remove": _change_address,
    "advert": _advert,
    "link_down": _link,
    "port_down": _link,
    "cut": _cut,
    "partition": _partition,
    "mute": _mute,
    "impair": _impair,
}

HEALS: Final[Mapping[str, tuple[str, ...]]] = {
    "start": ("kill", "stop"),
    "restart": ("kill", "stop"),
    "thaw": ("freeze",),
    "service_start": ("service_stop",),
    "mend_check": ("fail_check",),
    "link_up": ("link_down",),
    "port_up": ("port_down",),
}
"""Which faults a verb undoes, as `heal` undoes all of a target."""
