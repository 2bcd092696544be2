"""Which providers there are."""

from labkit.diagnostics import LabkitError, did_you_mean
from labkit.lab.provider import Provider

NAMES = ("netns",)


def provider(name: str) -> Provider:
    """Return a new provider by name; its modules are loaded only now.

    Raises:
        LabkitError: there is no such provider, or this machine lacks what it needs.
    """
    if name not in NAMES:
        raise LabkitError(f"no provider '{name}'; {did_you_mean(name, NAMES)}")
    from labkit.providers.netns.provider import NetnsProvider  # not before it is wanted

    made = NetnsProvider()
    missing = made.missing()
    if missing:
        raise LabkitError(f"provider {name} cannot work here: {'; '.join(missing)}")
    return made
