"""One WHERE clause of a rule, every value a parameter."""

from collections.abc import Callable
from datetime import datetime

from subscribers.rules.arguments import RuleRefused
from subscribers.rules.rule import Condition, Group
from subscribers.rules.sql import Sql, join

# The rule of the segment with this id, of the same website; raises RuleRefused if there is none.
Lookup = Callable[[int], Group]
# A segment may use one that uses another; no deeper, and no more conditions than this in all.
MOST_SEGMENTS_DEEP = 3
MOST_CONDITIONS_IN_ALL = 200


def compile_rule(rule: Group, *, now: datetime, lookup: Lookup, inside: tuple[int, ...] = ()) -> Sql:
    """Compile a rule over `subscribers_subscriber person`; raises RuleRefused for segments that cannot be used.

    `inside` is the segment whose rule it is, if it is one's.
    """
    return _Compiler(now, lookup).group(rule, inside)


class _Compiler:
    def __init__(self, now: datetime, lookup: Lookup) -> None:
        self.now, self.lookup = now, lookup
        self.count = 0

    def group(self, group: Group, inside: tuple[int, ...]) -> Sql:
        return join(group.match, [self._member(member, inside) for member in group.members])

    def _member(self, member: Condition | Group, inside: tuple[int, ...]) -> Sql:
        if isinstance(member, Group):
            return self.group(member, inside)
        self.count += 1
        if self.count > MOST_CONDITIONS_IN_ALL:
            raise RuleRefused(
                "rule", f"with its segments it has more than {MOST_CONDITIONS_IN_ALL} conditions."
            )
        positive = self._segment(member, inside) if "segment" in member.given else self._plain(member)
        return positive.negate() if member.operator.negates else positive

    def _plain(self, condition: Condition) -> Sql:
        field, operator = condition.field, condition.operator
        written = operator.write(field.column, condition.given, self.now)
        if not field.ids:
            return written
        # Not IN: a negated EXISTS becomes an anti-join, and a sample looks each row up.
        query = field.ids.replace("{}", written.text)
        return Sql(f"EXISTS (SELECT FROM ({query}) one WHERE one.id = person.id)", written.values)

    def _segment(self, condition: Condition, inside: tuple[int, ...]) -> Sql:
        pk = condition.given["segment"]
        if pk in inside:
            raise RuleRefused("rule", f"segment {pk} uses itself. Take it out of one of the two rules.")
        if len(inside) > MOST_SEGMENTS_DEEP:
            raise RuleRefused("rule", f"segments use each other more than {MOST_SEGMENTS_DEEP} deep.")
        return self.group(self.lookup(pk), (*inside, pk))
