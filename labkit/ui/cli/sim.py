"""`labkit sim`: thousands of simulated routers under random faults."""

import json
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from labkit.sim.crowd import Census, Plan


@click.command("sim")
@click.option("--routers", type=click.IntRange(2), default=1000, show_default=True, help="How many, in all.")
@click.option("--together", type=click.IntRange(2, 250), default=3, show_default=True, help="How many on a segment.")
@click.option("--seed", type=int, default=1, show_default=True, help="Equal seeds have equal histories.")
@click.option("--loss", type=click.FloatRange(0, 100), default=0.0, show_default=True, help="Frames lost, per cent.")
@click.option("--advert-int", type=click.FloatRange(0.01, 40), default=1.0, show_default=True, help="Seconds.")
@click.option("--duration", type=click.FloatRange(1), default=60.0, show_default=True, help="Simulated seconds.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def sim_command(
    routers: int, together: int, seed: int, loss: float, advert_int: float, duration: float, as_json: bool
) -> None:
    """Let many virtual routers live through stops and crashes of their masters, and check what must be true.

    The state machines are the daemon's own, under a fake clock. Exits 1 when, without loss, a takeover was later than
    its bound or an owner was joined by a worse one, or when at the end, after a quiet time, the best is not the only
    owner.
    """
    from labkit.sim.crowd import Crowd, Plan

    try:
        plan = Plan(
            routers=routers,
            together=together,
            seed=seed,
            loss=loss / 100,
            interval=round(advert_int * 100) * 10_000,
            duration=round(duration * 1e6),
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    began = time.monotonic()
    census = Crowd(plan).run()
    found = _found(plan, census, time.monotonic() - began)
    click.echo(json.dumps(found, indent=2) if as_json else _told(plan, found))
    raise SystemExit(1 if found["broken"] else 0)


def _found(plan: "Plan", census: "Census", took: float) -> dict[str, Any]:
    """Return what was counted, as plain values; times in seconds."""
    all_time = max(1, sum(census.lasted))
    names = ("none", "one", "more")
    return {
        "routers": plan.groups * plan.together,
        "virtual_routers": plan.groups,
        "took_s": took,
        "owners": {
            name: {"share": lasted / all_time, "longest_s": longest / 1e6}
            for name, lasted, longest in zip(names, census.lasted, census.longest, strict=True)
        },
        "takeovers": {
            kind: {
                "count": len(found.took),
                "least_s": min(found.took, default=0) / 1e6,
                "median_s": median(found.took or [0]) / 1e6,
                "most_s": max(found.took, default=0) / 1e6,
                "late": found.late,
                "latest_s": found.latest / 1e6,
            }
            for kind, found in census.takeovers.items()
        },
        "usurped": census.usurped,
        "wrong_at_the_end": census.wrong,
        "broken": _broken(plan, census),
    }


def _broken(plan: "Plan", census: "Census") -> list[str]:
    """Return what must be true and is not, in words."""
    broken = []
    late = sum(found.late for found in census.takeovers.values())
    if not plan.loss and late:
        broken.append(f"{late} takeovers were later than their bounds, and no frame was lost")
    if not plan.loss and census.usurped:
        broken.append(f"{census.usurped} owners were joined by a worse one, and no frame was lost")
    if census.wrong:
        broken.append(f"at the end the best is not the only owner on {', '.join(census.wrong[:5])}")
    return broken


def _told(plan: "Plan", found: dict[str, Any]) -> str:
    owners = found["owners"]
    lines = [
        f"{found['routers']} routers, {plan.together} on each of {found['virtual_routers']} segments, "
        f"{plan.loss:.1%} of all frames lost, seed {plan.seed}: {plan.duration / 1e6:g} s in {found['took_s']:.1f} s",
        f"owners           one {owners['one']['share']:.3%} of the time, "
        f"none {owners['none']['share']:.3%} (longest {owners['none']['longest_s']:.3f} s), "
        f"more {owners['more']['share']:.3%} (longest {owners['more']['longest_s']:.6f} s)",
    ]
    for kind, figures in found["takeovers"].items():
        lines.append(
            f"after a {kind:<8} {figures['count']} takeovers: {figures['least_s']:.3f} s, {figures['median_s']:.3f} s, "
            f"{figures['most_s']:.3f} s (least, median and most), {figures['late']} later than their bound"
            + (f", by {figures['latest_s']:.3f} s at most" if figures["late"] else "")
        )
    lines.append(f"usurped          {found['usurped']} times an owner was joined by one of a lower priority")
    right = found["virtual_routers"] - len(found["wrong_at_the_end"])
    lines.append(f"at the end       the best is the only owner on {right} of {found['virtual_routers']} segments")
    return "\n".join([*lines, *(f"broken: {each}" for each in found["broken"])])
