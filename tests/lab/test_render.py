"""Templates render the guide's files to the letter, and complain with their place."""

from pathlib import Path

import pytest

from labkit.diagnostics import RefusedError
from labkit.lab import loader, render
from labkit.lab.provider import File
from labkit.lab.topology import CONFIG, PYKEEPALIVED_OPTIONS, Topology

PART_1 = """\
vrrp_instance MY-FAILOVER {
    state MASTER
    interface eth0
    virtual_router_id 21
    priority %s
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass Venezuela21
    }
    virtual_ipaddress {
        192.168.1.20
    }
}
"""

PART_2 = """\
vrrp_script chequea_script {
    script "killall -0 apache2"
    interval 2
    fall 2
    rise 2
}

vrrp_instance MY-FAILOVER {
    state MASTER
    interface eth0
    virtual_router_id 21
    priority 150
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass Venezuela21
    }
    virtual_ipaddress {
        192.168.1.20
    }
    track_script {
        chequea_script
    }
    track_interface {
        eth1
    }
    notify /usr/local/bin/my-notify.sh
}
"""


def text_of(topology: Topology, folder: Path, node: str, path: str) -> str:
    return next(file.text for file in render.render(topology, folder)[node] if file.path == path)


@pytest.mark.parametrize(("node", "priority"), [("server1", 150), ("server2", 120), ("server3", 100)])
def test_part_1_of_the_guide(topology: Topology, folder: Path, node: str, priority: int) -> None:
    assert text_of(topology, folder, node, CONFIG) == PART_1 % priority


def test_part_2_of_the_guide(services: Topology, folder: Path) -> None:
    assert text_of(services, folder, "server1", CONFIG) == PART_2
    page = text_of(services, folder, "server3", "/var/www/html/test.html")
    assert page == "<h3>Servidor SERVER3</h3>\n"


def test_the_init_script_starts_the_daemon_as_the_lab_does(services: Topology, folder: Path) -> None:
    script = text_of(services, folder, "server1", "/etc/init.d/keepalived")
    assert f'DAEMON="/usr/local/bin/pykeepalived {" ".join(PYKEEPALIVED_OPTIONS)}"\n' in script


def test_programs_are_executable(services: Topology, folder: Path) -> None:
    modes = {file.path: file.mode for file in render.render(services, folder)["server1"]}
    assert (
        modes["/etc/init.d/keepalived"] == modes["/etc/init.d/apache2"] == modes["/usr/local/bin/my-notify.sh"] == 0o755
    )
    assert modes[CONFIG] == 0o644


def test_the_guide_loads_with_its_one_oddity(topology: Topology, folder: Path) -> None:
    configs, warnings = render.check(render.render(topology, folder))
    assert sorted(configs) == ["server1", "server2", "server3"]
    assert {str(each).split(" warning: ")[1].split(",")[0] for each in warnings} == {"the password has 11 bytes"}


def test_nginx_changes_what_is_checked(folder: Path) -> None:
    topology = loader.load(folder / "lab.yml", name="failover", variant="services", settings={"web": "nginx"})
    assert 'script "killall -0 nginx"' in text_of(topology, folder, "server1", CONFIG)
    assert "/etc/init.d/nginx" in {file.path for file in render.render(topology, folder)["server1"]}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        pytest.param(
            "x\n{{ nothing }}\n", "2:1: 'nothing' is undefined; define it under `vars:` in lab.yml", id="name"
        ),
        pytest.param(
            "x\n\n{% if %}",
            "3:1: Expected an expression, got 'end of statement block'; correct the template",
            id="syntax",
        ),
        pytest.param("x\n{{ 1 / 0 }}\n", "2:1: division by zero; correct the template", id="arithmetic"),
        pytest.param(
            "{{ vip + 1 }}", '1:1: can only concatenate str (not "int") to str; correct the template', id="types"
        ),
    ],
)
def test_template_errors(topology: Topology, tmp_path: Path, template: str, expected: str) -> None:
    (tmp_path / "templates").mkdir()
    path = tmp_path / "templates/keepalived.conf.j2"
    path.write_text(template)
    with pytest.raises(RefusedError) as caught:
        render.render(topology, tmp_path)
    assert str(caught.value) == f"{path}:{expected}"


LAB = """\
title: t
networks: {lan: {subnet: 10.0.0.0/24}}
nodes: {one: {role: router, links: {eth0: {network: lan, address: 10.0.0.1}}}}
roles: {router: {files: {%s}}}
vars: {up: .., instance: x}
"""


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            "/etc/x: tset.html.j2",
            "lab.yml:1:1: no template 'tset.html.j2'; did you mean 'test.html.j2'?",
            id="no-template",
        ),
        *(
            pytest.param(
                f"'{path}': my-notify.sh.j2",
                f"lab.yml:1:1: '{shown}' is no place for a file of a node; "
                "an absolute path of a file, such as /etc/motd, without `..`",
                id=name,
            )
            for name, path, shown in (
                ("relative", "etc/x", "etc/x"),
                ("out-of-the-node", "/../etc/passwd", "/../etc/passwd"),
                ("out-by-a-variable", "/{{ up }}/x", "/../x"),
                ("folder", "/etc/", "/etc/"),
            )
        ),
    ],
)
def test_files_that_no_node_can_have(tmp_path: Path, files: str, expected: str) -> None:
    (tmp_path / "lab.yml").write_text(LAB % files)
    topology = loader.load(tmp_path / "lab.yml", name="x")
    with pytest.raises(RefusedError) as caught:
        render.render(topology, tmp_path)
    assert str(caught.value) == f"{tmp_path}/{expected}"


def test_a_template_that_is_no_text(topology: Topology, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/keepalived.conf.j2").write_bytes(b"\xff\xfe")
    with pytest.raises(RefusedError, match=r"keepalived\.conf\.j2:1:1: 'utf-8' codec can't decode byte 0xff"):
        render.render(topology, tmp_path)


def test_a_template_of_the_lab_goes_before_a_shared_one(topology: Topology, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/keepalived.conf.j2").write_text("{{ node.name }} {{ vip }}\n")
    assert text_of_file(render.render(topology, tmp_path)["server2"]) == "server2 192.168.1.20\n"


def text_of_file(files: tuple[File, ...]) -> str:
    return next(file.text for file in files if file.path == CONFIG)


def test_a_wrong_configuration_is_refused_before_anything_starts(folder: Path) -> None:
    topology = loader.load(folder / "lab.yml", name="failover", settings={"vrid": "300"})
    with pytest.raises(RefusedError, match=r"server2:/etc/keepalived/keepalived.conf:4:23: `300` does not fit here"):
        render.check(render.render(topology, folder))
