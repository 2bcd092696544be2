"""The blocks `vrrp_script`, `track_file`, `vrrp_track_process` and `interface_up_down_delays`."""

from collections.abc import Sequence

from labkit.conf.commands import needs_bash
from labkit.conf.complaints import Complaints
from labkit.conf.model import ParamMatch, TrackFile, TrackProcess, VrrpScript
from labkit.conf.schema import trackers
from labkit.conf.section import Section
from labkit.conf.shared import require
from labkit.conf.watched import Initial
from labkit.conf.weights import Weighing
from labkit.trace import SECOND
from labkit.vrrp.config import FileConfig, ProcessConfig, ScriptConfig


def build_scripts(sections: Sequence[Section], complaints: Complaints) -> tuple[VrrpScript, ...]:
    """Return the `vrrp_script` blocks; one that is wrong is left out, after complaining."""
    scripts = (_script(section, complaints) for section in sections)
    return tuple(script for script in scripts if script is not None)


def _script(section: Section, complaints: Complaints) -> VrrpScript | None:
    require(section, complaints, trackers.SCRIPT)
    command = section.get(trackers.SCRIPT)
    if command is None or section.title is None:
        return None
    if needs_bash(command):
        complaints.warning(
            section.span(trackers.SCRIPT),
            f"`{command.text}` needs bash; run by a /bin/sh that is dash it fails for ever",
            f"write `script \"/bin/bash -c '{command.text}'\"`",
        )
    interval = section.get(trackers.INTERVAL) or SECOND
    check = ScriptConfig(
        name=str(section.title),
        interval=interval,
        timeout=section.get(trackers.TIMEOUT) or interval,
        rise=section.get(trackers.RISE) or 1,
        fall=section.get(trackers.FALL) or 1,
        init_fail=section.says(trackers.INIT_FAIL),
    )
    weighing = section.get(trackers.SCRIPT_WEIGHT) or Weighing(0)
    return VrrpScript(
        check=check,
        command=command,
        weight=weighing.weight,
        reverse=weighing.reverse,
        user=section.get(trackers.SCRIPT_RUN_BY),
        span=section.span(),
    )


def build_files(sections: Sequence[Section], complaints: Complaints) -> tuple[TrackFile, ...]:
    """Return the `track_file` blocks; one that is wrong is left out, after complaining."""
    files = []
    for section in sections:
        require(section, complaints, trackers.FILE)
        path = section.get(trackers.FILE)
        if path is None or section.title is None:
            continue
        weighing = section.get(trackers.FILE_WEIGHT) or Weighing(1)
        initial: Initial | None = section.get(trackers.INIT_FILE)
        files.append(
            TrackFile(
                check=FileConfig(name=str(section.title)),
                path=path,
                weight=weighing.weight,
                reverse=weighing.reverse,
                init=initial.value if initial else None,
                overwrite=initial.overwrite if initial else False,
                span=section.span(),
            )
        )
    return tuple(files)


def build_processes(sections: Sequence[Section], complaints: Complaints) -> tuple[TrackProcess, ...]:
    """Return the `vrrp_track_process` blocks; one that is wrong is left out, after complaining."""
    processes = (_process(section, complaints) for section in sections)
    return tuple(process for process in processes if process is not None)


def _process(section: Section, complaints: Complaints) -> TrackProcess | None:
    require(section, complaints, trackers.PROCESS)
    line = section.get(trackers.PROCESS)
    if line is None or section.title is None:
        return None
    match = section.get(trackers.PARAM_MATCH)
    weighing = section.get(trackers.PROCESS_WEIGHT) or Weighing(1)
    return TrackProcess(
        check=_quorum(section, complaints),
        program=line.program,
        parameters=line.parameters if line.parameters or match is not None else None,
        match=match or ParamMatch.EXACT,
        full_command=section.says(trackers.FULL_COMMAND),
        weight=weighing.weight,
        reverse=weighing.reverse,
        span=section.span(),
    )


def _quorum(section: Section, complaints: Complaints) -> ProcessConfig:
    quorum, most = section.get(trackers.QUORUM), section.get(trackers.QUORUM_MAX)
    if quorum is not None and most is not None and most < quorum:
        message = f"no number is at least {quorum} and at most {most}"
        complaints.error(section.span(trackers.QUORUM_MAX), message, "write a quorum_max that is not below quorum")
    delay = section.get(trackers.DELAY) or 0
    return ProcessConfig(
        name=str(section.title),
        quorum=(0 if most == 0 else 1) if quorum is None else quorum,
        quorum_max=most,
        fork_delay=section.get(trackers.FORK_DELAY) or delay,
        terminate_delay=section.get(trackers.TERMINATE_DELAY) or delay,
    )
