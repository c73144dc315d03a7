"""Plans of one call that are built against each other. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rocmkit.build.values import Plan


def needed(plan: Plan, plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """The plans that one is built against, and those that these are, in their order; the plan itself is the last."""
    wanted, names = {plan.recipe}, {one.recipe: one for one in plans}
    left = [plan.recipe]
    while left:
        for used in names[left.pop()].uses:
            if used.origin == "call" and used.recipe in names and used.recipe not in wanted:
                wanted.add(used.recipe)
                left.append(used.recipe)
    return tuple(one for one in plans if one.recipe in wanted)


def connected(plans: Sequence[Plan]) -> bool:
    """Whether all of them belong together: each is built against another one, or another one against it."""
    groups = [{plan.recipe, *(used.recipe for used in plan.uses if used.origin == "call")} for plan in plans]
    whole = groups[0]
    while more := next((group for group in groups if group & whole and not group <= whole), None):
        whole = whole | more
    return all(plan.recipe in whole for plan in plans)
