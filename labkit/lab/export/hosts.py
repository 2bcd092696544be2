"""Real hosts: each one's files in a folder of its name, a systemd unit, an Ansible inventory and playbook.

What a host has anyway stays out: its addresses, its init scripts and its web server.  What balancing needs besides
keepalived.conf comes along: kernel settings, and the unit that puts the virtual address on a real server's `lo`.

Sources: sysctl.d(5), systemd.service(5), Ansible's pages on inventories and on `ansible.builtin`.
"""

from labkit.lab.catalog import share
from labkit.lab.export.target import Lab, document, require
from labkit.lab.provider import File
from labkit.lab.topology import CONFIG, Daemon, Node, Role

_OWN = ("/etc/init.d/", "/etc/labkit/", "/var/www/", "/usr/local/bin/ipvsadm")  # stand-ins for what a host has
_SERVICES = {Daemon.LABKIT: "pykeepalived", Daemon.KEEPALIVED: "keepalived"}
_SYSCTL = "/etc/sysctl.d/60-keepalived.conf"
_LOOPBACK = "virtual-addresses.service"
_INVENTORY = """\
The hosts of {title}
ansible_host is the address in the lab; yours may have another one for ssh.
ansible-playbook -i inventory.yml deploy.yml
"""


def export(lab: Lab) -> tuple[File, ...]:
    """Return the hosts' files by their names, pykeepalived.service, inventory.yml and deploy.yml.

    Raises:
        LabkitError: a host has the name of a group.
    """
    hosts = [node for node in lab.topology.nodes if node.role is not Role.CLIENT]
    names = {node.name: "node" for node in hosts}
    require(names, r"(?!(all|ungrouped|routers|servers)$).+", "Ansible's inventory has groups of such a name")
    files = [
        File(path="inventory.yml", text=document(_INVENTORY.format(title=lab.title), _inventory(lab, hosts))),
        File(path="deploy.yml", text=(share() / "packaging/deploy.yml").read_text()),
        File(path="pykeepalived.service", text=(share() / "packaging/pykeepalived.service").read_text()),
    ]
    for node in hosts:
        files += [File(path=f"{node.name}{file.path}", text=file.text, mode=file.mode) for file in _files(lab, node)]
    return tuple(files)


def _files(lab: Lab, node: Node) -> list[File]:
    files = [file for file in lab.taken(node) if not file.path.startswith(_OWN)]
    if node.sysctls:
        files.append(File(path=_SYSCTL, text="".join(f"{name} = {value}\n" for name, value in node.sysctls)))
    if node.loopback:
        files.append(File(path=f"/etc/systemd/system/{_LOOPBACK}", text=_loopback_unit(node)))
    return files


def _loopback_unit(node: Node) -> str:
    start = "".join(f"ExecStart=ip address replace {address}/32 dev lo\n" for address in node.loopback)
    stop = "".join(f"ExecStop=ip address del {address}/32 dev lo\n" for address in node.loopback)
    return f"""\
[Unit]
Description=Virtual addresses on lo, for which a director hands over frames
Wants=network-pre.target
Before=network-pre.target

[Service]
Type=oneshot
RemainAfterExit=yes
{start}{stop}
[Install]
WantedBy=multi-user.target
"""


def _inventory(lab: Lab, hosts: list[Node]) -> dict[str, object]:
    routers = {node.name: _variables(lab, node) for node in hosts if node.role is Role.ROUTER}
    servers = {node.name: _variables(lab, node) for node in hosts if node.role is Role.SERVER}
    children = {"routers": {"hosts": routers}, "servers": {"hosts": servers}}
    balancing = any(
        "virtual_server" in file.text for node in hosts for file in _files(lab, node) if file.path == CONFIG
    )
    package = "labkit[balance]" if balancing else "labkit"  # what checks of real servers need
    return {"all": {"vars": {"labkit_package": package}, "children": children}}


def _variables(lab: Lab, node: Node) -> dict[str, object]:
    value: dict[str, object] = {"ansible_host": str(node.links[0].address.ip)}
    if node.role is Role.ROUTER:
        value["service"] = _SERVICES[node.daemon]
    files = [file for file in _files(lab, node) if file.path != CONFIG]
    if files:
        value["files"] = [{"path": file.path, "mode": f"{file.mode:04o}"} for file in files]
    if node.loopback:
        value["units"] = [_LOOPBACK]
    return value
