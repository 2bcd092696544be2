"""`labkit doctor`: what this machine can do, and what to install for the rest."""

import json
import re
from dataclasses import asdict

import click


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@click.option("--commands", is_flag=True, help="Print only the commands that would mend what labs need; for a shell.")
def doctor_command(as_json: bool, commands: bool) -> None:
    """Tell what this machine can do, and what to install for the rest; exits 1 when no lab can run here."""
    from labkit.lab.doctor import examine  # not before it is wanted
    from labkit.providers import registry

    worlds = {name: registry.world(name) for name in ("netns", "uml", "docker")}
    missing = {name: world.missing() for name, world in worlds.items()}
    namespaces = missing.pop("netns")
    checks = examine(namespaces, {} if namespaces else worlds["netns"].capabilities(), missing)
    ready = all(check.ok for check in checks if check.needed)
    if commands:
        for check in checks:
            if check.needed and not check.ok:
                click.echo("".join(f"{command}\n" for command in re.findall("`([^`]+)`", check.cure)), nl=False)
        return
    if as_json:
        click.echo(json.dumps({"ready": ready, "checks": [asdict(check) for check in checks]}, indent=2))
    else:
        for check in checks:
            mark = (
                click.style("yes", fg="green") if check.ok else click.style("no ", fg="red" if check.needed else None)
            )
            cure = "" if check.ok else f"; {check.cure}"
            click.echo(f"{mark}  {check.name:<24} {check.purpose}{cure}")
        click.echo("labs can run here" if ready else "labs cannot run here: mend the lines above that say no")
    raise SystemExit(0 if ready else 1)
