"""The published schemas take every shipped file, and refuse what the readers refuse."""

import pytest
import yaml
from jsonschema import Draft202012Validator

from labkit.lab import catalog, schema

SCENARIO = Draft202012Validator(schema.scenario())
LAB = Draft202012Validator(schema.lab())


@pytest.mark.parametrize("lab", catalog.lab_names())
def test_shipped_files_are_right(lab: str) -> None:
    LAB.validate(yaml.safe_load((catalog.lab_folder(lab) / "lab.yml").read_text()))
    for _, _, path in catalog.wanted_scenarios(lab, ()):
        SCENARIO.validate(yaml.safe_load(path.read_text()))


def test_templates_of_a_new_lab_are_right() -> None:
    folder = catalog.share() / "templates/new"
    LAB.validate(yaml.safe_load((folder / "lab.yml").read_text()))
    SCENARIO.validate(yaml.safe_load((folder / "01-failover.yml").read_text()))


@pytest.mark.parametrize(
    "step",
    [
        "{do: {frieze: server1}}",
        "{do: {freeze: server1, thaw: server2}}",
        "{expect: [{vip: server1}]}",
        "{expect: [{vip: server1, within: soon}]}",
        "{expect: [{state: server1, within: 1s}]}",
        "{hold: [{state: server1, is: MASTRE}], for: 1s}",
        "{expect: [{distribution: {server1: 0}, of: 9, within: 1s}]}",
        "{do: {impair: {server1: {lost: 20%}}}}",
        "{sleep: 5}",
    ],
)
def test_what_is_wrong_is_refused(step: str) -> None:
    assert not SCENARIO.is_valid(yaml.safe_load(f"steps: [{step}]"))


@pytest.mark.parametrize(
    "step",
    [
        "{do: [{partition: {lan: [[server1], [host]]}}, {reload: {server1: {priority: 90}}}, {heal: all}]}",
        "{expect: [{distribution: same, of: 9, within: 1s}], budget: {ping: 3, http: skew(a) + 100ms}}",
        "{expect: [{vip: a, address: 10.0.0.1, within: master_down(a) + 1.5s, not_before: 20ms}]}",
    ],
)
def test_what_is_right_is_taken(step: str) -> None:
    SCENARIO.validate(yaml.safe_load(f"steps: [{step}]"))
