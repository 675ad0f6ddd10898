"""What a check found out about a unit: the one way from a look at the copy to a measurement.

A check fills an outcome while it asks, and hands over ``outcome.measurement(unit)`` at its end.
Whatever it could not ask goes through :meth:`Outcome.not_asked` (the rest is still worth something)
or :meth:`Outcome.not_measured` (it is not), so that nothing is passed over without a word: the
first weakens the claim, the second costs the drill its PASSED.
"""

from collections import Counter
from dataclasses import dataclass, field

from lambdas.drill.units import Claim, Measurement, Status, Unit, Violation, weakest


@dataclass
class Outcome:
    """Collected by one run of a check over one unit.

    Attributes:
        measured: sums that add up over a relation's ranges; no row's value.
    """

    measured: Counter[str] = field(default_factory=Counter)
    _findings: list[str] = field(default_factory=list)
    _warnings: list[str] = field(default_factory=list)
    _violations: list[Violation] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _claims: list[Claim] = field(default_factory=list)
    _status: Status = Status.OK

    def wrong(self, finding: str) -> None:
        """The copy is not what the source was, can't be read, or contradicts itself."""
        self._findings.append(finding)

    def violation(
        self,
        text: str,
        *,
        remedy: str,
        relations: tuple[str, ...],
        damage_only: bool = False,
        by_library: bool = False,
    ) -> None:
        """A rule of the database is broken; whose fault it is, the backup's or the source's, is
        decided by :mod:`lambdas.drill.verdict.attribution`.
        """
        self._violations.append(Violation(text, remedy, relations, damage_only, by_library))

    def warning(self, text: str) -> None:
        """Something is wrong that is known to be no damage of the backup."""
        self._warnings.append(text)

    def not_asked(self, text: str, claim: Claim = Claim.CONSISTENT) -> None:
        """A part was not looked at, and why; at most ``claim`` is left of the unit's."""
        self._notes.append(text)
        self._claims.append(claim)

    def not_measured(self, text: str) -> None:
        """What would have to be looked at was not, and why: the unit is not measured."""
        self._notes.append(text)
        self._status = Status.UNMEASURED

    def exempt(self, text: str) -> None:
        """Of its nature it can't be looked at, and why."""
        self._notes.append(text)
        if self._status is Status.OK:
            self._status = Status.EXEMPT

    def remark(self, text: str) -> None:
        """Worth a line in the report, and no less is proven for it."""
        self._notes.append(text)

    @property
    def has_findings(self) -> bool:
        """Whether anything is wrong with the copy."""
        return bool(self._findings)

    @property
    def is_complete(self) -> bool:
        """Whether everything was asked so far."""
        return not self._claims and self._status is Status.OK

    def measurement(self, unit: Unit) -> Measurement:
        """What the unit came to."""
        return Measurement(
            unit.id,
            Status.WRONG if self._findings else self._status,
            dict(self.measured),
            tuple(self._findings),
            tuple(self._notes),
            claim=weakest(self._claims) if self._claims else None,
            warnings=tuple(self._warnings),
            violations=tuple(self._violations),
        )
