"""The keywords of what is tracked: scripts, files and processes, and of how interfaces are treated."""

from labkit.conf.arguments import Choice, Flag, Integer, Interface, Path, Seconds, User, Word
from labkit.conf.commands import CommandLine
from labkit.conf.model import ParamMatch
from labkit.conf.schema.keyword import LONG, NAME, NO_TITLE, Block, Leaf, Lines, table
from labkit.conf.watched import DelayLine, InitialValue, Process
from labkit.conf.weights import WEIGHT, Tracked, Weight
from labkit.trace import SECOND

# --- vrrp_script ------------------------------------------------------------------------------------------------------

SCRIPT = Leaf("script", CommandLine(), "The command; exit status 0 means healthy")
INTERVAL = Leaf("interval", Seconds(1_000, LONG), "From the start of one run to the start of the next (1)")
TIMEOUT = Leaf("timeout", Seconds(1_000, LONG), "A run that takes longer counts as failed (the interval)")
SCRIPT_WEIGHT = Leaf("weight", WEIGHT, "Added to the priority; 0: a failure is FAULT (0)")
RISE = Leaf("rise", Integer(1, 2**31 - 1), "So many successes in a row count as healthy (1)")
FALL = Leaf("fall", Integer(1, 2**31 - 1), "So many failures in a row count as failed (1)")
SCRIPT_RUN_BY = Leaf("user", User(), "Who runs this script")
INIT_FAIL = Leaf("init_fail", Flag(), "Counts as failed until it has succeeded")

VRRP_SCRIPT = Block(
    "vrrp_script",
    NAME,
    "A command that tells whether this machine is healthy",
    table(SCRIPT, INTERVAL, TIMEOUT, SCRIPT_WEIGHT, RISE, FALL, SCRIPT_RUN_BY, INIT_FAIL),
)

# --- track_file -------------------------------------------------------------------------------------------------------

FILE = Leaf("file", Path(), "The file; what counts is the number in it")
FILE_WEIGHT = Leaf(
    "weight", Weight(2**31 - 1), "Times the number it is added to the priority; 0: not zero is FAULT (1)"
)
INIT_FILE = Leaf(
    "init_file", InitialValue(), "Written to the file at start if there is none, or if `overwrite` follows"
)

TRACK_FILE_BLOCK = Block(
    "track_file",
    NAME,
    "A file whose number counts: a switch for people and programs",
    table(FILE, FILE_WEIGHT, INIT_FILE),
    spellings=("vrrp_track_file",),
)

# --- vrrp_track_process -----------------------------------------------------------------------------------------------

_DELAY = Seconds(1, 3600 * SECOND)

PROCESS = Leaf("process", Process(), "The program, and the parameters it must have been started with")
PARAM_MATCH = Leaf(
    "param_match",
    Choice({"initial": ParamMatch.INITIAL, "partial": ParamMatch.PARTIAL}),
    "partial: the first parameters are these; initial: the last of these is the beginning of one (all, and no more)",
)
PROCESS_WEIGHT = Leaf("weight", Weight(254), "Added to the priority; 0: a lost quorum is FAULT (1)")
QUORUM = Leaf("quorum", Integer(1, 65535), "At least so many must run (1)")
QUORUM_MAX = Leaf("quorum_max", Integer(0, 65535), "No more than so many may run (any number)")
FORK_DELAY = Leaf("fork_delay", _DELAY, "A gained quorum counts after this time (0)")
TERMINATE_DELAY = Leaf("terminate_delay", _DELAY, "A lost quorum counts after this time (0)")
DELAY = Leaf("delay", _DELAY, "fork_delay and terminate_delay at once")
FULL_COMMAND = Leaf("full_command", Flag(), "Compare the command line, not the name of the process")

VRRP_TRACK_PROCESS = Block(
    "vrrp_track_process",
    NAME,
    "Processes that must run",
    table(
        PROCESS,
        PARAM_MATCH,
        PROCESS_WEIGHT,
        QUORUM,
        QUORUM_MAX,
        FORK_DELAY,
        TERMINATE_DELAY,
        DELAY,
        FULL_COMMAND,
    ),
)

# --- interfaces -------------------------------------------------------------------------------------------------------

_PACE = Seconds(0, LONG)

GARP_INTERVAL = Leaf("garp_interval", _PACE, "Between two gratuitous ARPs (vrrp_garp_interval)")
GNA_INTERVAL = Leaf("gna_interval", _PACE, "Between two neighbour advertisements (vrrp_gna_interval)")
GARP_INTERFACE = Leaf("interface", Interface(), "The one interface that this is about")
GARP_INTERFACES = Lines(
    "interfaces", Interface(), "The interfaces that this is about, all together: of one switch", each_word=True
)
GARP_GROUP = Block(
    "garp_group",
    NO_TITLE,
    "How fast a switch takes announcements",
    table(GARP_INTERVAL, GNA_INTERVAL, GARP_INTERFACE, GARP_INTERFACES),
)

INTERFACE_DELAYS = Lines(
    "interface_up_down_delays", DelayLine(), "How long an interface must be down or up before that counts"
)

# --- what instances and groups track ----------------------------------------------------------------------------------

TRACK_SCRIPT = Lines("track_script", Tracked(Word("the name of a vrrp_script")), "Scripts to watch")
TRACK_INTERFACE = Lines("track_interface", Tracked(Interface()), "Interfaces to watch")
TRACK_FILE = Lines("track_file", Tracked(Word("the name of a track_file"), Weight(254)), "Files to watch")
TRACK_PROCESS = Lines(
    "track_process", Tracked(Word("the name of a vrrp_track_process"), Weight(254)), "Processes to watch"
)
TRACKS = (TRACK_SCRIPT, TRACK_INTERFACE, TRACK_FILE, TRACK_PROCESS)
