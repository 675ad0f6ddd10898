"""The workflow's vocabulary of errors.

Step Functions matches ``ErrorEquals`` against the exact name of the exception's class, with no
inheritance, so each class here is a word that ``statemachine/*.asl.json`` may use. Messages name
resources, fields and remedies; they never hold a secret, a connection string or a row's value.
"""

from lambdas.remedies import remedy_of


class TimeMachineError(Exception):
    """Base of everything that the functions raise on purpose."""


class InvalidRequest(TimeMachineError):
    """The execution input can't be used; the message lists every field at fault and the remedy."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


class InvalidSettings(TimeMachineError):
    """The deployment's environment is incomplete or wrong."""


class Throttled(TimeMachineError):
    """AWS asked us to slow down: try again with backoff."""


class ServiceUnavailable(TimeMachineError):
    """A transient fault of AWS or of the way to it: try again with backoff."""


class ResourceBusy(TimeMachineError):
    """The resource is in a state that refuses the operation for now: wait, then try again."""


class QuotaExceeded(TimeMachineError):
    """An account quota is used up; it may free itself: wait, then try again."""


class InsufficientCapacity(TimeMachineError):
    """AWS has no capacity for the class in the zone right now: wait, then try again."""


class AccessDenied(TimeMachineError):
    """The function's role may not do this; waiting does not help."""


class NotFound(TimeMachineError):
    """The resource does not exist."""


class NameTaken(TimeMachineError):
    """Our name is used by something that this drill did not create: refused, never adopted."""


class NotOurs(TimeMachineError):
    """A change or deletion was about to hit something that this drill did not create."""


class RequestRefused(TimeMachineError):
    """AWS refused the request for a reason that waiting does not mend."""


class DatabaseUnreachable(TimeMachineError):
    """No connection to the server, or the connection was lost.

    Attributes:
        lost: whether it was lost in the middle of a statement, which may be what ended the server.
        at_login: whether a function that runs at login raised an error, or nothing answered in
            time: where there is a login trigger it may be that.
    """

    def __init__(self, message: str, *, lost: bool = False, at_login: bool = False) -> None:
        self.lost = lost
        self.at_login = at_login
        super().__init__(message)


class DatabaseBusy(TimeMachineError):
    """PostgreSQL refused for now: a lock, a deadlock, a failover. Wait, then try again."""


class QueryFailed(TimeMachineError):
    """PostgreSQL refused a statement. Holds the SQLSTATE and the remedy, not the server's text.

    The message of the server may quote a row's value (``invalid input syntax … "value"``,
    ``Key (email)=(…)``), so only the code and its published name are kept.
    """

    def __init__(self, sqlstate: str, condition: str, action: str, remedy: str = "") -> None:
        self.sqlstate = sqlstate
        self.condition = condition
        self.action = action
        self.message = f"{action}: PostgreSQL answered {sqlstate} ({condition})"
        super().__init__(f"{self.message}; {remedy or remedy_of(sqlstate)}")

    def with_remedy(self, remedy: str) -> "QueryFailed":
        """The same with what helps where more is known of the case than its SQLSTATE."""
        return QueryFailed(self.sqlstate, self.condition, self.action, remedy)


class NotExchanged(QueryFailed):
    """The driver could not send a statement, or not read its answer; the connection is there.

    Like every statement that failed, but there is no SQLSTATE: PostgreSQL has refused nothing.
    """

    def __init__(self, kind: str, action: str, remedy: str) -> None:
        super().__init__("", "", action)
        self.args = (
            f"{action}: the driver could not exchange it with PostgreSQL ({kind}); {remedy}",
        )


class RowRefused(QueryFailed):
    """PostgreSQL refused a row of a COPY.

    Attributes:
        line: of the data that this COPY was fed, from 1.
        column: its name, empty when it is the whole row.
    """

    def __init__(self, sqlstate: str, condition: str, action: str, line: int, column: str) -> None:
        self.line = line
        self.column = column
        super().__init__(sqlstate, condition, action)


class BadData(TimeMachineError):
    """What is to be loaded can't be: the message names object, line and column, never a value."""


class ObjectChanged(TimeMachineError):
    """An object was replaced or deleted while it was being read."""


class PartLost(TimeMachineError):
    """A part of a load gave no result."""


class LoadOver(TimeMachineError):
    """The load can't go on: it was ended from outside and its staging tables removed, or another
    version planned it and did not write down what this one needs.
    """


class EvidenceMissing(TimeMachineError):
    """A document that an earlier state should have written is not in the evidence bucket."""


class InternalFault(TimeMachineError):
    """A defect of ours. Tells the class and the line; the original text may quote anything."""
