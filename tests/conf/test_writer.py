"""The canonical form: what it looks like, and that it reads back as the same."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labkit.conf.loader import Loaded, load, loads
from labkit.conf.reader import Document, Statement, read
from labkit.conf.source import FileLines
from labkit.conf.writer import write
from tests.conf.samples import INSTANCE, SCRIPT, SERVER

SAMPLES = Path("/usr/share/doc/keepalived/samples")
FILES = sorted((Path(__file__).parent / "guides").rglob("*.conf")) + sorted(SAMPLES.glob("keepalived.conf.*"))


def loaded(text: str) -> Loaded:
    return loads(text, file="k.conf", config_id="here", environment={})


def written(text: str) -> str:
    found = loaded(text)
    assert found.config is not None, found.diagnostics
    assert found.document is not None
    return write(found.document)


def test_a_whole_file() -> None:
    text = f"""\
$N=21
global_defs {{ script_user root
  enable_script_security # yes
}}
~LST(X,A,B) vrrp_script chk${{X}} {{ script "a  '${{X}}' \\"#\\"" }}
@here vrrp_instance A
@there vrrp_instance B
{{
 interface eth0
 virtual_router_id $N
 version 2
 track_script
 {{
   chkA weight 0
   "chkB" }}
 virtual_ipaddress {{ 192.168.1.{20} dev "eth1" }} }}
vrrp_sync_group "G 1" {{ group {{ A }} notify "/bin/x y" "root" }}
"""
    expected = """\
global_defs {
    script_user root
    enable_script_security
}

vrrp_script chkA {
    script "a  'A' \\"#\\""
}

vrrp_script chkB {
    script "a  'B' \\"#\\""
}

vrrp_instance A {
    interface eth0
    virtual_router_id 21
    version 2
    track_script {
        chkA weight 0
        chkB
    }
    virtual_ipaddress {
        192.168.1.20 dev eth1
    }
}

vrrp_sync_group "G 1" {
    group {
        A
    }
    notify "/bin/x y" root
}
"""
    assert written(text) == expected
    assert written(expected) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("lb_algo rr", "lvs_sched rr", "    lb_algo rr\n", id="synonym"),
        pytest.param("    delay_loop", "# ! {\n delay_loop", "{\n    delay_loop 10\n", id="comments"),
    ],
)  # fmt: skip
def test_lines_of_a_virtual_server(old: str, new: str, expected: str) -> None:
    assert expected in written(SERVER.replace(old, new) + INSTANCE)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param('"plain"', "plain", id="quotes-that-nothing-needs"),
        pytest.param("it's", "it's", id="single-quote"),
        pytest.param(r"a\b", r"a\b", id="backslash"),
        pytest.param('"a b"', '"a b"', id="blank"),
        pytest.param('"a#b!{}"', '"a#b!{}"', id="signs"),
        pytest.param(r'"\"\\\$X $1 \n\t\r\v\001f"', r'"\"\\\$X $1 \n\t\r\013\001f"', id="escapes"),
        pytest.param('"${X}"', r'"\${X}"', id="dollar"),
        pytest.param('"\u00a0ñ"', '"\u00a0ñ"', id="odd-blank"),
        pytest.param('"@x"', '"@x"', id="condition"),
        pytest.param('"~SEQ"', '"~SEQ"', id="repetition"),
        pytest.param('"$"', '"$"', id="dollar-first"),
        pytest.param('"include"', '"include"', id="directive"),
        pytest.param('"include" "include" "@x"', '"include" include @x', id="directive-later-in-the-line"),
    ],
)
def test_words(source: str, expected: str) -> None:
    assert write(read(FileLines(f"{source}\n", "k.conf"))) == f"{expected}\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_reads_back_as_the_same(path: Path, tmp_path: Path) -> None:
    first = load(path, config_id="main", environment={})
    if first.config is None or first.document is None:
        pytest.skip("does not load")
    text = write(first.document)
    second = loads(text, file=str(path), config_id="other", environment={})
    assert second.config == first.config
    assert second.document is not None
    assert write(second.document) == text


# --- any tree ---------------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["$X", "${X}", "@here", "include", "~SEQ(A,1)", "\\", "'", '"', "vrrp_instance", "track_script"]
)
Tree = list[tuple[list[str], object]]
TREES = st.recursive(
    st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=4), st.none()), max_size=3),
    lambda inner: st.lists(st.tuples(st.lists(WORDS, min_size=1, max_size=4), st.none() | inner), max_size=3),
    max_leaves=12,
)


def statements(tree: Tree) -> list[Statement]:
    return [Statement(words, 0, 0, None if body is None else statements(body)) for words, body in tree]  # type: ignore[arg-type]


def tree(found: list[Statement]) -> Tree:
    return [(list(statement.words), None if statement.body is None else tree(statement.body)) for statement in found]


@given(TREES)
@example([(["@\\"], None)])
def test_any_tree_is_a_fixed_point(given_tree: Tree) -> None:
    text = write(Document(lines=(), statements=statements(given_tree), diagnostics=()))
    source = loaded(text)
    assert source.document is not None
    assert tree(list(source.document.statements)) == given_tree
    assert write(source.document) == text


def test_script() -> None:
    assert written(SCRIPT + INSTANCE) == SCRIPT + "\n" + INSTANCE
