"""Whether what breaks a rule of the database is damage of the backup or a fault of the source.

FAILED says that the copy is not what the source was, or that it can't be read or used as the source
could. A row without its parent, or a sequence behind its column, says neither by itself: a load
with triggers switched off leaves such a row, and a restore brings it back faithfully. So, of what
breaks a rule:

- where the rows that show it are proven equal to the source, the source holds it too: a warning;
- where they are not, and no healthy server can come to hold it (a number twice under a valid unique
  index), it is evidence by itself: wrong;
- where any of these relations is found to be wrong already, it comes with that damage: wrong;
- else a healthy server can come to hold it, and nothing shows that the copy differs: a warning.

Which rules a healthy server can come to break is in docs/architecture.md. A warning changes no
verdict. It is shown in the headline, the notice and the report, with what to do on the source.
"""

from collections.abc import Container, Iterable

from lambdas.drill.units import Violation

ON_BOTH = "the source holds it too, since these rows are proven equal"
BY_LIBRARY = (
    "these rows are proven equal to the source's; whether its server finds the same depends on the"
    " libraries of both"
)
BY_ITSELF = "PostgreSQL lets no such row in"
UNKNOWN = "nothing shows that the copy differs from the source"
AUXILIARY = "other damage was found there: do not rely on these rows"


def attribute(
    violations: Iterable[Violation], proven: Container[str], damaged: Container[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong with the copy, and what is a warning.

    Args:
        proven: the relations of the same database whose rows are proven equal to the source.
        damaged: those that a check has found to be wrong already.
    """
    wrong: list[str] = []
    warnings: list[str] = []
    for violation in violations:
        known = violation.relations
        if known and all(name in proven for name in known):
            why = BY_LIBRARY if violation.by_library else ON_BOTH
            warnings.append(f"{violation.text}; {why}. On the source: {violation.remedy}")
        elif violation.damage_only:
            wrong.append(f"{violation.text}; {BY_ITSELF}. Ask the source too: {violation.remedy}")
        elif any(name in damaged for name in known):
            wrong.append(f"{violation.text}; {AUXILIARY}. Ask the source too: {violation.remedy}")
        else:
            warnings.append(f"{violation.text}; {UNKNOWN}. On the source: {violation.remedy}")
    return tuple(wrong), tuple(warnings)
