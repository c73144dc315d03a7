"""Cases one after another. What an earlier run has seen is taken from the file of --resume."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rocmkit.smoke.observed import Clip, Observed
from rocmkit.smoke.planned import Planned
from rocmkit.smoke.progress import Progress, key
from rocmkit.smoke.run import Hear, Room, held_to, observe
from rocmkit.smoke.watch import environment
from rocmkit.telling import Pace, Tell

#: Fetches what a case lacks, and says how it is planned then.
Bring = Callable[[Planned], Planned]


def series(
    planned: Sequence[Planned],
    clips: Sequence[Clip],
    room: Room,
    *,
    warn: Hear,
    progress: Progress | None = None,
    bring: Bring | None = None,
    tell: Tell | None = None,
) -> Iterator[Observed]:
    """What was seen of each. Where --resume cannot be written any more, `warn` hears of it, and the rest runs all the same."""
    pace = Pace()
    for number, one in enumerate(planned, 1):

        def say(text: str, number: int = number) -> None:
            if tell:
                tell(f"{number} of {len(planned)}, {text}", left_s=pace.left(*_runs(planned, number - 1)))

        case = bring(one) if bring else one
        name = key(case, clips, room.cards, environment(room.environ), control=room.wanted.control, timeout_s=room.timeout_s)
        seen = progress.found(name, held_to(case, room)) if progress else None
        if seen is None or seen.backend != case.backend.id or case.skip:
            seen = observe(case, clips, room, say)
            try:
                if progress:
                    progress.add(name, seen)
            except OSError as error:
                progress = None
                warn(f"--resume cannot be written any more ({error.strerror or error}): what comes now is not kept")
        else:
            warn(f"{case.backend.id} is as an earlier run saw it")
        yield seen


def _runs(planned: Sequence[Planned], done: int) -> tuple[int, int]:
    """How many of the first cases were to run, and how many of all."""
    runs = [not one.skip for one in planned]
    return sum(runs[:done]), sum(runs)
