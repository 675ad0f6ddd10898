"""Each row must find its own ``ctid`` through an index.

The rows are read from the heap (a sample scan of all blocks, which no index can stand in for), put
together by what the index has of them, and each such value is looked up through the index: it must
give those very rows, by count and by a sum of hashes of their ``ctid``. So a value that many rows
share costs one look-up, and the whole takes time linear in the table. Operators are those of the
index's own operator class, and a row takes part when the operator holds between its value and
itself, whatever the operator means. What has elements (arrays and texts in GIN) is looked up by
element. An error that the same questions without the index do not meet is the index's. A row that
no index of its kind finds (:mod:`lambdas.drill.checks.indexes.fresh`) is no damage, and reported.
"""

from typing import NamedTuple

from psycopg2 import errorcodes, sql

from lambdas.adapters.postgres import Session
from lambdas.drill.checks.files.storage import StoredIndex
from lambdas.drill.checks.hidden_rows import seeing_all_rows
from lambdas.drill.checks.indexes import fresh, planner
from lambdas.drill.checks.indexes.definition import Key, Operator, Target, describe
from lambdas.drill.checks.indexes.lookup_messages import (
    HIDDEN,
    NO_DATA,
    NO_OPERATOR,
    NOT_COMPARABLE,
    NOT_OF_WHAT_IS_READ,
    NOT_UNDERSTOOD,
    NULLS_INSIDE,
    OF_TOAST,
    ON_THE_SOURCE,
    REBUILT,
    REFUSED,
    TOO_MANY,
    UNASKED,
    UNCOMPARED,
    UNEQUAL,
    UNFINDABLE,
    in_order,
    place_of,
)
from lambdas.drill.checks.indexes.queries import SECONDS, Query, queries, without_look_ups
from lambdas.drill.checks.indexes.query_parts import Answer, holds_null
from lambdas.drill.checks.outcome import Outcome
from lambdas.drill.checks.shape import is_damage
from lambdas.errors import QueryFailed

_OWNED_BY_ANOTHER = """
SELECT pg_get_userbyid(relowner)::text FROM pg_catalog.pg_class
 WHERE oid = %s::oid AND NOT pg_has_role(relowner, 'USAGE')
"""

_PLANNED_BY_CONTENT = {"brin"}
"""The planner reads the first page of these. Where it is damaged it takes no index at all."""


_EQUALITY = {"=", "~="}


class Looked(NamedTuple):
    """How many rows were looked up, whether nothing is wrong with the index, and its definition.

    None where it was not read.
    """

    rows: int
    sound: bool
    target: Target | None = None


def find_each_row(session: Session, index: StoredIndex, outcome: Outcome, advice: str) -> Looked:
    """Look every row of the index's table up through the index, and tell the outcome.

    Args:
        advice: what to do about a row that is lost.

    Raises:
        QueryFailed: neither the index nor the table could be read.
    """
    if index.of_toast:
        outcome.not_asked(OF_TOAST.format(index.title))
        return Looked(0, sound=True)
    described = describe(session, [index])
    if not described:
        outcome.not_asked(NO_DATA.format(index.title))
        return Looked(0, sound=True)
    return _Search(session, described[0], outcome, advice).run()


class _Search:
    """The look-ups through one index."""

    def __init__(self, session: Session, target: Target, outcome: Outcome, advice: str) -> None:
        self._session = session
        self._target = target
        self._outcome = outcome
        self._advice = advice
        self._rows = 0
        self._sound = True

    def run(self) -> Looked:
        """Ask everything, up to the first question that shows damage."""
        target, index = self._target, self._target.index
        for key in without_look_ups(target):
            self._outcome.not_asked(NO_OPERATOR.format(target.title, key.expression))
        with seeing_all_rows(self._session, [index.table_oid], index.subject):
            for number, query in enumerate(queries(target)):
                self._answer(number, query)
                if not self._sound:
                    break
            else:
                if self._outcome.is_complete:
                    self._tell_of_what_was_left_out()
        if not target.is_whole:
            message = f"the rows of {target.percent:.2f} % of the table's blocks were looked up"
            self._outcome.not_asked(f"{target.title}: {message}")
        return Looked(self._rows, self._sound, target)

    def _wrong(self, finding: str) -> None:
        self._sound = False
        self._outcome.wrong(f"{finding}; {self._advice}")

    def _answer(self, number: int, query: Query) -> None:
        try:
            self._first_that_is_understood(number, query)
        except QueryFailed as error:
            if error.sqlstate.startswith(NOT_UNDERSTOOD):
                self._outcome.not_asked(NOT_COMPARABLE.format(self._target.title, error))
            elif not self._is_the_indexs_own(query, error):
                raise
            else:
                self._wrong(f"{error}, and the same rows without this index gave no error")

    def _is_the_indexs_own(self, query: Query, error: QueryFailed) -> bool:
        """Whether the same questions do well without it. What is damage anyway needs no asking."""
        if is_damage(error) or error.sqlstate.startswith(NOT_OF_WHAT_IS_READ):
            return False
        planner.steer(self._session, planner.BY_ADDRESS)
        action = f"looking rows up without {self._target.title}"
        try:
            self._session.row(query.by_address, action=action)
        except QueryFailed:
            return False
        return True

    def _first_that_is_understood(self, number: int, query: Query) -> None:
        if query.by_value is None:
            self._ask_each_row(number, query)
            return
        try:
            answer = self._ask(query.by_value)
        except QueryFailed as error:
            if error.sqlstate != errorcodes.UNDEFINED_FUNCTION:
                raise
            self._ask_each_row(number, query)
            return
        if answer is None:
            return
        if not answer.lost:
            self._count(answer)
        # Values tell that rows are lost; only the rows themselves tell which. Where each is found,
        # others come with it that have another value.
        elif self._ask_each_row(number, query) < answer.lost and self._sound:
            self._wrong(self._of_others(answer))

    def _of_others(self, answer: Answer) -> str:
        title, place = self._target.title, place_of(answer.first)
        if not answer.too_many:
            return f"{answer.lost:,} rows can't be found through {title} {place}"
        return (
            f"{title} gives {answer.too_many:,} rows that have not the value searched for {place}"
        )

    def _ask_each_row(self, number: int, query: Query) -> int:
        """How many were not found."""
        answer = self._ask(query.by_row)
        if answer is None:
            return 0
        self._count(answer)
        if answer.too_many:
            message = f"{self._target.title} gives {answer.too_many:,} rows more than once"
            self._wrong(f"{message} {place_of(answer.first)}")
        elif answer.lost:
            self._judge(number, query, answer.lost, answer.first)
        return answer.lost

    def _ask(self, query: sql.Composable) -> Answer | None:
        """None where it could not be asked, which is noted by then."""
        title, name = self._target.title, self._target.index.name
        plan, last = planner.tried(
            self._session,
            query,
            lambda plan: planner.searches(plan, name),
            planner.search(self._target.index.method),
            index=title,
        )
        if plan is not None:
            return Answer(*self._session.row(query, action=f"looking rows up through {title}"))
        if self._target.index.method not in _PLANNED_BY_CONTENT or not planner.takes_no_index(last):
            self._outcome.not_asked(planner.elsewhere(title, UNASKED))
        elif self._taken_when_rebuilt(query):
            self._wrong(f"{title}: {REBUILT}")
        else:
            self._outcome.not_measured(f"{title}: {REFUSED}")
        return None

    def _count(self, answer: Answer) -> None:
        self._rows += answer.looked
        if not answer.late:
            return
        message = f"{self._target.title}: no time for {answer.late:,} rows after {SECONDS} seconds"
        # A sample tells of the others too; nothing tells of a table none of whose rows was seen.
        (self._outcome.not_asked if self._rows else self._outcome.not_measured)(message)

    def _judge(self, number: int, query: Query, lost: int, first: str) -> None:
        """Whether what was not found is damage."""
        title = self._target.title

        def again(target: Target) -> Query:
            return list(queries(target))[number]

        place = in_order(first)
        try:
            verdict = fresh.compare(self._session, self._target, query, again)
        except QueryFailed as error:
            why = planner.with_missing_right(self._session, error)
            self._outcome.not_measured(UNCOMPARED.format(lost, title, *place, why))
            return
        if verdict.lost:
            number_lost = len(verdict.lost) if verdict.complete else lost
            one = min(verdict.lost, key=in_order)
            self._wrong(f"{number_lost:,} rows can't be found through {title} {place_of(one)}")
        if verdict.hidden:
            one, other = min(verdict.hidden, key=in_order), verdict.hiders[0]
            message = HIDDEN.format(len(verdict.hidden), title, *in_order(one), *in_order(other))
            self._outcome.not_asked(message)
        if not (verdict.lost or verdict.complete):
            self._outcome.not_measured(UNCOMPARED.format(lost, title, *place, TOO_MANY))
        if verdict.unfindable:
            one = min(verdict.unfindable, key=in_order)
            message = UNFINDABLE.format(len(verdict.unfindable), title, *in_order(one))
            self._outcome.warning(message)

    def _taken_when_rebuilt(self, query: sql.Composable) -> bool:
        """Whether the planner refuses the index for what lies in its file, and for nothing else.

        It is rebuilt on the copy, in a transaction that is rolled back, and its owner's role with
        it.
        """
        session, index = self._session, self._target.index
        action = f"rebuilding {index.title}, for comparison"
        try:
            with planner.written_to_nothing(session, action=action):
                planner.as_replica(session, action=action)
                for (owner,) in session.rows(_OWNED_BY_ANOTHER, [index.oid], action=action):
                    grant = sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner))
                    session.run(grant, action=action)
                name = sql.Identifier(index.schema, index.name)
                session.run(sql.SQL("REINDEX INDEX {}").format(name), action=action)
                plan, _ = planner.tried(
                    session,
                    query,
                    lambda plan: planner.searches(plan, index.name),
                    planner.SEARCH,
                    index=index.title,
                )
                return plan is not None
        except QueryFailed:
            return False  # it is its owner's to make, or its table's rows can't be read

    def _tell_of_what_was_left_out(self) -> None:
        """Values that no search can ask for, counted in the table."""
        for key in self._target.keys:
            if key.refuses_null_elements:
                if held := self._counted(holds_null(key)):
                    self._outcome.warning(NULLS_INSIDE.format(held, self._target.title))
            elif key.of_elements is None and key.operator is not None:
                self._tell_of_unequal(key, key.operator)

    def _tell_of_unequal(self, key: Key, operator: Operator) -> None:
        value = key.value
        condition = sql.SQL("{} IS NOT NULL AND ({}) IS NOT TRUE").format(
            value, operator(value, value)
        )
        held = self._counted(condition)
        if not held:
            return
        message = UNEQUAL.format(held, key.expression, operator.name, self._target.title)
        if operator.name in _EQUALITY:
            self._outcome.warning(f"{message}; {ON_THE_SOURCE}")
        else:
            self._outcome.not_asked(message)

    def _counted(self, condition: sql.Composable) -> int:
        target = self._target
        query = sql.SQL("SELECT count(*) FROM ONLY {} TABLESAMPLE SYSTEM ({}){}").format(
            target.table, sql.Literal(target.percent), target.where(condition)
        )
        action = f"counting the rows that {target.title} can't be searched for"
        (number,) = self._session.row(query, action=action)
        return int(number)
