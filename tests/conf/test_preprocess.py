# ruff: noqa: E501 - a table is easier to read with a row on a line
r"""What conditions, definitions, repetitions make of lines; rows follow keepalived 2.2.7 unless they say otherwise."""

from typing import Any

import pytest

from labkit.conf.include import BY_DEFAULT
from labkit.conf.preprocess import Outside, Source, preprocess
from labkit.conf.reader import read
from tests.conf.samples import INSTANCE, said


def source(text: str, file: str = "/etc/k/k.conf") -> Source:
    return preprocess(text, file, Outside(config_id="here", environment={"HOME": "/root"}, checks=BY_DEFAULT))


def made(text: str) -> list[str]:
    """Return the lines that count, each stripped, and after them all that is wrong."""
    found = source(text)
    lines = [line.text.strip() for line in found.lines if line.text.strip()]
    return lines + [str(diagnostic).removeprefix("/etc/k/k.conf:") for diagnostic in found.diagnostics]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("@here a\n@there b\n", ["a"], id="condition"),
        pytest.param("  @^here a\n\t@^there\tb\n", ["b"], id="negated"),
        pytest.param("@here,there a\n", [], id="one-name-a-condition"),
        pytest.param("@here\n", [], id="nothing-after-it"),
        pytest.param("@^a @^b @^here x\n@^a @^b y\n", ["y"], id="several-conditions"),
        pytest.param("a@here b\n", ["a@here b"], id="first-on-the-line-only"),
        pytest.param("@here a {\n@^here b {\n}\n", ["a {", "}"], id="around-braces"),
        pytest.param("@here $X=1\n@^here $X=2\na $X\n", ["a 1"], id="conditional-definition"),
        pytest.param("$IF=@here\n$NO=@there\n$IF a\n$NO b\n", ["a"], id="condition-in-a-definition"),
    ],
)
def test_conditions(text: str, expected: list[str]) -> None:
    assert made(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("$X=5\na x${X}y $X\n", ["a x5y 5"], id="both-forms"),
        pytest.param("$X=  a b\t # c\n[${X}]\n", ["[a b]"], id="value-without-blanks-around-and-comment"),
        pytest.param('$X="a # b" # c\n$X d\n', ['"a # b" d'], id="comment-sign-in-quotes"),
        pytest.param("$E=\na$E b\na${E}b\n", ["a b", "ab"], id="empty"),
        pytest.param("$A=10.${B}\n$B=0\n${A}.1\n$B=10\n${A}.1\n", ["10.0.1", "10.10.1"], id="replaced-when-used"),
        pytest.param("$A=1\n$B=${A}${A}\n$C=${B}${B}\nx${C}y\n", ["x1111y"], id="recursive"),
        pytest.param("$X=1\n$$X a\n", ["$1 a"], id="dollar-before-it"),
        pytest.param('$X=1\na "$X b ${X}c" \'${X}\'\n', ["a \"1 b 1c\" '1'"], id="in-quotes"),
        pytest.param('$X=1\na "\\$X \\${X} \\\\${X}"\n', ['a "\\$X \\${X} \\\\1"'], id="dollar-sign-in-quotes"),
        pytest.param("$X=1\na \\${X}\n", ["a \\1"], id="no-escapes-outside-quotes"),
        pytest.param("a $1 $ ${ $( 5$\n", ["a $1 $ ${ $( 5$"], id="no-names"),
        pytest.param('a "$HOME ${HOME}"\n', ['a "$HOME ${HOME}"'], id="shell-text-without-definitions"),
        pytest.param("a ${_PWD}/b $_PWD c\n", ["a /etc/k/b /etc/k c"], id="pwd"),
        pytest.param("a ${_INSTANCE} ${_ENV HOME}\n", ["a here /root"], id="instance-and-environment"),
        pytest.param("a x${_HASH}y ${_BANG} b # c\n", ["a x#y ! b"], id="signs-of-comments"),
        pytest.param("a ${_RANDOM 7 7} ${_RANDOM  7  7}\n", ["a 7 7"], id="random"),
        pytest.param("$T= \\\n a {\\\n  b \\ # c\n }\n$T\n${T}\n", ["a {", "b", "}"] * 2, id="several-lines"),
        pytest.param("$T=a \\\n b\n$T\n", ["a", "b"], id="several-lines-from-the-first-on"),
        pytest.param("$T= \\\n a\nx $T y\n", ["x a y"], id="one-line-after-all"),
        pytest.param("@there $T= \\\n a {\\\n b\nc\n", ["c"], id="held-back-with-all-its-lines"),
        pytest.param(
            "$RS= \\\n r ${V}.${N} \\\n @there q\n$VS= \\\n v $V { \\\n $N=1 \\\n $RS \\\n $N=2 \\\n $RS \\\n }\n$V=7\n$VS\n",
            ["v 7 {", "r 7.1", "r 7.2", "}"],
            id="nested",
        ),
        pytest.param("$T= \\\n", ["1:5: " + "after this `\\` the definition goes on, and an empty line or the end of "
            "the file follows; remove the `\\`, or the empty line"], id="breaks-off"),
        pytest.param("$T= \\\n a \\\n # x\n b\n", ["b", "2:4: " + "after this `\\` the definition goes on, and an empty "
            "line or the end of the file follows; remove the `\\`, or the empty line"], id="broken-by-a-comment"),
    ],
)  # fmt: skip
def test_definitions(text: str, expected: list[str]) -> None:
    assert made(text) == expected


@pytest.mark.parametrize("word", ["${_RANDOM}", "${_RANDOM 32767}"])
def test_random_numbers_reach_to_32767(word: str) -> None:
    (line,) = made(f"{word}\n")
    assert 0 <= int(line) <= 32767


def test_after_a_seed_random_numbers_are_the_same_each_time() -> None:
    text = "global_defs {\n random_seed 5\n}\n${_RANDOM} ${_RANDOM 1 6}\n${_RANDOM}\n"
    numbers = " ".join(made(text)[3:]).split()
    assert " ".join(made(text)[3:]).split() == numbers
    assert len({" ".join(made(text.replace("5", str(seed)))) for seed in range(20)}) == 20
    assert 1 <= int(numbers[1]) <= 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("~SEQ(A, 0, 3) a${A}b\n", ["a0b", "a1b", "a2b", "a3b"], id="two-numbers"),
        pytest.param("~SEQ(A,2) a$A\n", ["a1", "a2"], id="end-only"),
        pytest.param("~SEQ(A,-2) a$A\n", ["a-1", "a-2"], id="negative-end-only"),
        pytest.param("~SEQ(A,3,1) a$A\n", ["a3", "a2", "a1"], id="downwards"),
        pytest.param("~SEQ(A,0,2,5) a$A\n", ["a0", "a2", "a4"], id="step"),
        pytest.param("~SEQ(A,+1,-1,-1) a$A\n", ["a1", "a0", "a-1"], id="negative-step"),
        pytest.param("~SEQx(A, 0x90, 0x10, 0xA5) a$A\n", ["a90", "aa0"], id="hexadecimal"),
        pytest.param("~SEQ(A,0x10,0x11) a$A\n", ["a16", "a17"], id="hexadecimal-read-only"),
        pytest.param("~LST(A, a, b,c ,,d ) x${A}y\n", ["xay", "xby", "xcy", "xy", "xdy"], id="list"),
        pytest.param("~LST({A,B}, {1,2},{ 3 , 4 }) ${A}.${B}\n", ["1.2", "3.4"], id="list-of-two"),
        pytest.param("~SEQ (A,1)b${A}\n", ["b1"], id="blanks-do-not-matter"),
        pytest.param(
            "~SEQ(A,1,2) ~LST(B,x,y) ${A}${B}\n", ["1x", "1y", "2x", "2y"], id="one-in-the-other"
        ),
        pytest.param("$N=2\n~SEQ(A,1,${N}) a$A\n", ["a1", "a2"], id="bounds-from-definitions"),
        pytest.param("$L=~SEQ(A,1,2)\n$L a$A\n", ["a1", "a2"], id="in-a-definition"),
        pytest.param("@here ~SEQ(A,1,2) @^there a$A\n@there ~SEQ(A,1,2) b\n", ["a1", "a2"], id="conditions"),
        pytest.param("$A=x\n~SEQ(A,1) a$A\na$A\n", ["a1", "ax"], id="the-name-is-as-it-was-afterwards"),
        pytest.param("$T= \\\n a$A \\\n b\n~SEQ(A,1,2) $T\n", ["a1", "b", "a2", "b"], id="several-lines"),
        pytest.param('a "~SEQ(A,1,2)" ~b ~ \n', ['a "~SEQ(A,1,2)" ~b ~'], id="no-repetitions"),
    ],
)  # fmt: skip
def test_repetitions(text: str, expected: list[str]) -> None:
    assert made(text) == expected


DEFINE = "write `${}=VALUE` on a line before, or double quotes around a word with a real `$`"
LIST = "write `~LST(name, value, value)`, or `~LST({name, name}, {value, value}, {value, value})`"
SEQUENCE = "write `~SEQ(name, start, step, end)`, with step, or start and step, left out if need be"
NUMBER = "write a whole number, such as 16, -1 or 0x10"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a\n  @ b\n", "2:3: a condition without a name; write `@NAME`, or `@^NAME` for all but NAME", id="no-name"),
        pytest.param("a x$X y\n", f"1:4: `$X` is not defined; {DEFINE.format('X')}", id="undefined"),
        pytest.param("$PRIO=1\na ${PRIOR}\n", "2:3: `${PRIOR}` is not defined; did you mean `${PRIO}`?", id="slip"),
        pytest.param('$PRIO=1\na "b ${PRIOR}"\n', "2:6: `${PRIOR}` is not defined; did you mean `${PRIO}`?", id="slip-in-quotes"),
        pytest.param('a "b ${_PWDD}"\n', "1:6: `${_PWDD}` is not defined; did you mean `${_PWD}`?", id="slip-in-a-reserved-name"),
        pytest.param(
            '$X=1\na "$HOME"\n',
            "2:4: warning: `$HOME` is not defined and stays as it is; write `\\$` if it is meant to stay",
            id="shell-text-beside-definitions",
        ),
        pytest.param(
            "a ${b-c}\n",
            "1:3: `${b-c}` is not defined; write a name of letters, digits and `_`, "
            "or double quotes around a word with a real `$`",
            id="not-a-name",
        ),
        pytest.param("$X=1\na $X.b\n", "2:3: `$X` is replaced before a blank only; write `${X}`", id="no-blank-after-it"),
        pytest.param(
            '$X=1\na "$X"\n',
            "2:4: `$X` is replaced before a blank only; write `${X}`, or `\\$` for a `$`",
            id="no-blank-after-it-in-quotes",
        ),
        pytest.param("$T= \\\n a \\\n b\nx $T\n", "4:3: `$T` is of several lines, and must stand alone on its line; give it a line of its own", id="in-a-line"),
        pytest.param("$_X=1\n", "1:1: `$_X` cannot be defined: names with `_` first belong to keepalived; choose another name", id="reserved"),
        pytest.param("$A=$A\nx $A\n", "2:3: `$A` is made of itself: `$A` → `$A`; write the value itself", id="loop"),
        pytest.param(
            "$A=${B}\n$B=a ${A}\nx y${A}\n",
            "3:4: `$A` is made of itself: `$A` → `$B` → `$A`; write the value itself",
            id="long-loop",
        ),
        pytest.param(
            "$T= \\\n a \\\n $T\n$T\n",
            "3:2: `$T` is made of itself: `$T` → `$T`; write out what it should be (used in line 4)",
            id="loop-of-lines",
        ),
        pytest.param("$A=@here $A\n$A x\n", "2:1: `$A` is made of itself: `$A` → `$A`; write the value itself", id="loop-at-the-head"),
        pytest.param("a ${_ENV NONE}\n", "1:3: the environment has no `NONE`; set it, or write the value itself", id="environment"),
        pytest.param("a ${_ENV}\n", "1:3: `${_ENV}` does not fit here; write `${_ENV X}` for the variable X of the environment", id="environment-of-nothing"),
        pytest.param("a ${_PWD x}\n", "1:3: `${_PWD}` does not fit here; write `${_PWD}`", id="too-much-for-pwd"),
        pytest.param(
            "a ${_RANDOM 6 2}\n",
            "1:3: `${_RANDOM}` does not fit here; write `${_RANDOM}`, `${_RANDOM MIN}` or `${_RANDOM MIN MAX}`, "
            "with whole numbers and MIN not above MAX",
            id="random-upside-down",
        ),
        pytest.param(
            "a ${_RANDOM x}\n",
            "1:3: `${_RANDOM}` does not fit here; write `${_RANDOM}`, `${_RANDOM MIN}` or `${_RANDOM MIN MAX}`, "
            "with whole numbers and MIN not above MAX",
            id="random-words",
        ),
        pytest.param("a ~SEQ(A,1,2) b\n", "1:3: `~SEQ(A,1,2)` does not begin the line; put it first, before what is to repeat", id="repetition-in-a-line"),
        pytest.param(" ~SEQ(A,1,2 b\n", "1:2: this repetition has no end, or parentheses in it; write `~SEQ(name, start, end)`", id="endless"),
        pytest.param(" ~SEQ(A) b\n", f"1:2: `(A)` is no sequence; {SEQUENCE}", id="no-numbers"),
        pytest.param("~SEQ(1,2) b\n", f"1:1: `(1,2)` is no sequence; {SEQUENCE}", id="no-name-for-a-sequence"),
        pytest.param("~SEQ(A,1,b) b\n", f"1:1: `b` is not a number here; {NUMBER}", id="not-a-number"),
        pytest.param("~SEQ(A,010) b\n", f"1:1: `010` is not a number here; {NUMBER}", id="octal-for-keepalived"),
        pytest.param("~SEQ(A,2,1,1) b\n", "1:1: steps of 1 do not lead from 2 to 1; turn the sign of the step, or the ends", id="wrong-way"),
        pytest.param("~SEQ(A,1,0,1) b\n", "1:1: steps of 0 do not lead from 1 to 1; turn the sign of the step, or the ends", id="no-step"),
        pytest.param(
            "~SEQ(A,0,1,1000000000) b\n",
            "1:1: from 0 to 1000000000 in steps of 1 are more than 1000000 values; write less",
            id="too-long",
        ),
        pytest.param("~LST(A) b\n", f"1:1: `(A)` is no list; {LIST}", id="no-values"),
        pytest.param("~LST(A,b c) b\n", "1:1: `b c` has a blank in it; write commas between values", id="blank-in-a-value"),
        pytest.param("~LST({A,B},{1}) b\n", "1:1: `1` are not 2 values; write one for each name", id="too-few-values"),
        pytest.param("~LST({A,A},{1,2}) b\n", "1:1: `A, A` has a name twice; give each value a name of its own", id="name-twice"),
        pytest.param("~LST({A,{B},1) b\n", f"1:1: `{{A` is no element of a list; {LIST}", id="brace-in-a-brace"),
        pytest.param("~SEQ(A,1,2) b $A\nc $A d\n", f"2:3: `$A` is not defined; {DEFINE.format('A')}", id="gone-after-the-repetition"),
        pytest.param(
            "$X=1\na $X#b\n",
            "2:5: warning: the comment starts in the middle of a word, at `#`; "
            "put a space before the comment, or quotes around the word",
            id="comment-inside-a-word",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong(text: str, expected: str) -> None:
    assert [line for line in made(text) if line[0].isdigit()][-1:] == [expected]


def test_definitions_may_not_be_nested_without_end() -> None:
    text = "".join(f"$T{n}= \\\n x \\\n $T{n + 1}\n" for n in range(20)) + "$T0\n"
    assert made(text)[-1] == (
        "48:2: `$T16` is used more than 16 deep: " + " → ".join(f"`$T{n}`" for n in range(17))
        + "; write out what it should be (used in line 61)"
    )  # fmt: skip


@pytest.mark.parametrize("text", ["$I=~SEQ(A,2) $I\n$I\n", "~LST(A,1) " * 20 + "x\n"], ids=["of-itself", "in-one-line"])
def test_repetitions_may_not_be_nested_without_end(text: str) -> None:
    complaint = ": this repetition stands in 16 others; look for a definition that is made of itself, or repeat less"
    assert complaint in made(text)[-1]


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_line_may_not_grow_without_end() -> None:
    text = (
        "$A0=" + "x" * 100 + "\n" + "".join(f"$A{n}=${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 30)) + "a ${A29}\n"
    )
    assert made(text)[-1] == (
        "31:3: this line takes more than 10000 replacements or 65536 characters; make the definitions simpler"
    )


def test_replacing_may_not_go_on_without_end() -> None:
    text = "$A0=\n" + "".join(f"$A{n}=${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 30)) + "a ${A29}\n"
    assert "more than 10000 replacements" in made(text)[-1]


def test_repetitions_may_not_multiply_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.conf.preprocess.MOST_LINES", 100)
    found = source("~SEQ(A,1,50) ~SEQ(B,1,50) ~SEQ(C,1,50) @there x\ny\n")
    assert [diagnostic.message for diagnostic in found.diagnostics] == ["the file becomes longer than 100 lines here"]


# --- places -----------------------------------------------------------------------------------------------------------


def places(text: str) -> list[Any]:
    """Return where each word of each statement stands, as `column` or `line:column`."""
    document = read(source(text).lines)
    return [
        [str(document.span(statement, word)).removeprefix("/etc/k/k.conf:") for word in range(len(statement.words))]
        for statement in document.statements
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("  @here  a b\n", [["1:10", "1:12"]], id="after-a-condition"),
        pytest.param("$X=long value\na $X b\n", [["2:1", "2:3", "2:3", "2:6"]], id="around-a-value"),
        pytest.param("$X=\n a${X}b ${X} c\n", [["2:2", "2:14"]], id="empty-value"),
        pytest.param("$B=1 2\n$A=x ${B} y\n  ${A}z w\n", [["3:3"] * 4 + ["3:9"]], id="value-in-a-value"),
        pytest.param("~SEQ(A,1,2) a ${A}b c\n", [["1:13", "1:15", "1:21"]] * 2, id="repetition"),
        pytest.param("$T= \\\n  a b \\\n c\n$T\n", [["2:3", "2:5"], ["3:2"]], id="several-lines"),
        pytest.param("$T=  a \\\n c\n$T\n", [["1:6"], ["2:2"]], id="several-lines-from-the-first-on"),
        pytest.param("$IF=@here x\n $IF a b\n", [["2:2", "2:2", "2:2"]], id="condition-in-a-definition"),
    ],
)
def test_words_stand_where_they_were_written(text: str, expected: list[Any]) -> None:
    assert places(text) == expected


def test_a_line_that_is_used_again_says_for_what() -> None:
    template = "$T= \\\n" + "".join(f"{line} \\\n" for line in INSTANCE.splitlines()[:-1]) + "}\n"
    text = template.replace("vrrp_instance A", "vrrp_instance A${N}").replace("router_id 21", "router_id ${N}00")
    assert [line for line in said(text + "~SEQ(N,2,3) $T\n") if "255" in line] == [
        "5:23: `300` does not fit here; write a whole number from 1 to 255 (used in line 16 with N=3)",
    ]


def test_of_many_faults_of_one_line_a_few_are_told() -> None:
    told = said("~SEQ(N,1,20) foo${N}\n")
    assert len(told) == 5
    assert told[0].startswith("1:14: `foo1` is not a keyword outside all blocks; known here: ")
    assert told[4].endswith("; and 15 more like it (with N=5)")
