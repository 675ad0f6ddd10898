"""Every message that a person can meet names the object, the cause and what to do.

The messages are read from the code itself, see :mod:`tests.unit.messages`. What a field brings
along (``{error}``) is a message of its own and stands in the list too.
"""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import PurePath

import pytest

from lambdas.drill.verdict.verdict import TEXT_LENGTH
from lambdas.remedies import OF_WORDS
from tests.unit.messages import OUTCOMES, Message, Module, messages, messages_of

NAMED_WITH_THE_RESULT = OUTCOMES | {"violation"}
"""``Result.title`` stands before these: the database and the relation."""
NEED_A_REMEDY = {"wrong", "warning", "not_measured", "violation", "fault", "status", "preflight"}
REMEDY_PUT_BEHIND = (set(OF_WORDS) - {"NotFound", "AccessDenied", "ServiceUnavailable"}) | {
    "QueryFailed",
    "NotExchanged",
    "RowRefused",
    "DatabaseBusy",
}
"""``remedy_of_word``, ``remedy_of`` or ``errors_with_remedies`` does it; not for the words that end
a load too, whose failure is shown as it is."""
OF_DRILLS = ("lambdas/adapters/rds.py", "lambdas/adapters/copy_server.py")
NO_MESSAGE = {"RowsRefused"}
"""Caught within the package that raises it."""

VERBS = (
    "add|allow|ALTER|ANALYZE|ask|change|choose|close|compare|connect|correct|count|delete|deploy|"
    "do|double|drill|DROP|enable|end|free|give|grant|have|install|keep|leave|let|load|log in|look|"
    "make|mend|name|plan|put|quote|raise|read|REFRESH|REINDEX|remove|rename|restore|REVOKE|run|"
    "save|say|schedule|shorten|see|set|start|store|tag|take|try|turn|upgrade|use|wait|write"
)
_REMEDY = re.compile(
    rf"(?:^|[;:.,?(]|\bor|\band|\bthen|\belse|\bso|\botherwise|\bif not,) *(?:{VERBS})\b", re.I
)
_WHAT_IS_RIGHT = re.compile(r"; (?:it is|known (?:is|are)|at most|only|there are) |must be |needs ")
"""As a schema's complaint ends: what would be right instead."""
_WORDS = (
    "error|bad|fault|faults|refused|finding|remedy|advice|_advice|told|text|why|what|unread|closed|"
    "note|weaker|says"
)
_CARRIED = re.compile(
    rf"\{{(?:str\()?(?:\w+\.)?(?:{_WORDS})\)?\}}"
    rf"|\{{(?:told|in_status|remedy_of\w*|_FOR_\w+|_REMEDIES|'; '\.join)\b.*\}}"
    rf"|\{{(?:\w|\.)+\['(?:{_WORDS})'\]\}}"
)
"""A field that is another message of the list, or a remedy of lambdas/remedies.py."""
_FIELD = r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}"
_NAMES_SOMETHING = re.compile(
    r"""\{|@|\b[A-Z]{3,}_?[A-Z]+\b|\w+\.json|"[^"]+"|the package |^[\w.\[\]]+: """
)
GONE = ("anew", "ghost", "circle", "nonsense", "of ours", "whither", "is told", "are told")
"""Words that this code once had of its own, and that no reader knows."""
FIELD_LENGTH = 24

ONE_OBJECT = "there is one of it, and whose it is stands above: "
NAMELESS = {
    "lambdas/drill/waiting/phases.py": ONE_OBJECT + "a drill has one copy",
    "lambdas/drill/verdict/verdict.py": ONE_OBJECT + "of the whole drill",
    "lambdas/load/documents.py": ONE_OBJECT + "of the whole load",
    "lambdas/load/reading/header.py": "plan.py puts the object before it",
    "ops/preflight/secrets.py": "the subject stands before it",
    "stacks/schedule.py": "settings.py puts the key before it, and what is right behind it",
    "local/damage.py": ONE_OBJECT + "a local drill has one source",
}
WITHOUT_REMEDY = {
    "lambdas/settings.py": "raised together as InvalidSettings, behind which remedy_of_word stands",
    "stacks/schedule.py": "settings.py puts what is right behind it",
    "no operator of {} takes": "no row is at fault; only a search that the user writes can fail",
    "begins with {request.prefix}": "another prefix; nothing else can be given",
    "names longer than": "shorter names; nothing else can be done",
    "not all objects for the new table": "the names say what is to be added",
    "it names no table": "another name; nothing else can be given",
}
"""By a piece of file, kind or text: why the rule does not hold for it."""


def sentences() -> list[Message]:
    """Without those that are another message of the list and nothing else."""
    return [
        message
        for message in messages()
        if message.text
        and message.kind not in NO_MESSAGE
        and not message.text.endswith((": ", "; "))  # a way on which an optional part is empty
        and not re.fullmatch(_FIELD, message.text)
    ]


def names_its_object(message: Message) -> bool:
    return message.kind in NAMED_WITH_THE_RESULT or bool(_NAMES_SOMETHING.search(message.text))


def says_what_to_do(message: Message) -> bool:
    if message.kind in OUTCOMES - NEED_A_REMEDY or message.kind in REMEDY_PUT_BEHIND:
        return True
    if message.kind in OF_WORDS and message.file in OF_DRILLS:
        return True
    return any(rule.search(message.text) for rule in (_REMEDY, _WHAT_IS_RIGHT, _CARRIED))


def gone_words(message: Message) -> list[str]:
    text = re.sub(_FIELD, "", message.text)
    return [word for word in GONE if re.search(rf"\b{word}\b", text)]


def is_short(message: Message) -> bool:
    """A longer one would be cut in the report."""
    return len(re.sub(_FIELD, "x" * FIELD_LENGTH, message.text)) <= TEXT_LENGTH


def breaking(rule: Callable[[Message], object], table: dict[str, str]) -> list[str]:
    return [
        str(message)
        for message in sentences()
        if not rule(message) and not any(piece in str(message) for piece in table)
    ]


def test_each_message_names_its_object() -> None:
    assert breaking(names_its_object, NAMELESS) == []


def test_each_message_says_what_to_do() -> None:
    assert breaking(says_what_to_do, WITHOUT_REMEDY) == []


def test_no_message_has_a_word_that_only_this_code_knows() -> None:
    assert breaking(lambda message: not gone_words(message), {}) == []


def test_each_message_is_short_enough_to_be_shown_whole() -> None:
    assert breaking(is_short, {}) == []


@pytest.mark.parametrize(
    ("table", "rule"),
    [(NAMELESS, names_its_object), (WITHOUT_REMEDY, says_what_to_do)],
    ids=["nameless", "without a remedy"],
)
def test_each_exception_is_still_one(
    table: dict[str, str], rule: Callable[[Message], object]
) -> None:
    broken = [str(message) for message in sentences() if not rule(message)]
    assert [piece for piece in table if not any(piece in it for it in broken)] == []


def test_the_messages_of_each_part_are_found() -> None:
    """A collector that has gone blind would find nothing wrong."""
    found = Counter(
        str(folder) for message in sentences() for folder in PurePath(message.file).parents
    )
    least = {
        "lambdas/adapters": 15,
        "lambdas/drill/checks": 80,
        "lambdas/drill/checks/indexes": 15,
        "lambdas/drill": 120,
        "lambdas/load": 50,
        "ops/preflight": 60,
        "stacks": 35,
        "local": 20,
    }
    assert {part: found[part] for part, number in least.items() if found[part] < number} == {}


RAISES = """
from lambdas.errors import BadData
PLACE = "line 3"
REMEDY = "; mend it"
def refuse(name, strict):
    told = f"{PLACE} of {name} is empty" if strict else "it is empty"
    raise BadData(told + REMEDY)
"""
FAULTS = """
def _of(name):
    return f"there is no {name}" + _remedy()
def _remedy():
    return "; make it first"
def table_faults(names):
    faults = [f"table: {name} is taken" for name in names]
    for name in names:
        yield _of(name)
    return ["table: is missing"]
"""
OUTCOME = """
FOUND = "{} lacks {:,} rows; {}"
def run(unit, outcome, logger):
    logger.warning("not this")
    outcome.wrong(FOUND.format(1, 2, 3))
    outcome.violation("an orphan", remedy="delete it", relations=())
    return Measurement(unit.id, Status.UNMEASURED, notes=("it is locked",))
"""


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (RAISES, {"line 3 of {name} is empty; mend it", "it is empty; mend it"}),
        (
            FAULTS,
            {"table: {name} is taken", "there is no {name}; make it first", "table: is missing"},
        ),
        (OUTCOME, {"{} lacks {:,} rows; {}", "an orphan; delete it", "it is locked"}),
    ],
    ids=["an error", "faults", "an outcome"],
)
def test_a_message_is_read_whole(code: str, expected: set[str]) -> None:
    assert {message.text for message in messages_of(Module("x.py", code))} == expected


@pytest.mark.parametrize(
    ("kind", "text", "named", "remedied"),
    [
        ("BadData", "it is empty", False, False),
        ("BadData", "line {line} is empty", True, False),
        ("BadData", "line {line} is empty; take it out", True, True),
        ("BadData", "line {line} is seen to be empty", True, False),
        ("wrong", "a page is torn", True, False),
        ("wrong", "{error}, from block 3 on", True, True),
        ("not_asked", "it is too large", True, True),
        ("NotOurs", "refused to touch: {reason}", True, True),
        ("NotFound", "there is no object {key}", True, False),
        ("fault", "table: is missing; it is schema.table", True, True),
        ("fault", "table: is missing", True, False),
    ],
)
def test_what_breaks_a_rule_is_found(kind: str, text: str, named: bool, remedied: bool) -> None:
    message = Message(kind, "x.py", 1, text)
    assert (names_its_object(message), says_what_to_do(message)) == (named, remedied)
