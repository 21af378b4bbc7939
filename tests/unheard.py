"""A publishing process that is none: it keeps what it is told, and sends it to nobody."""

from instrd.daemon.publishing.child import GoneError
from instrd.daemon.publishing.messages import Alive, Bound, Said, Setup, Told


class Unheard:
    """Says that it is alive, until a test makes it mute, full or dead."""

    def __init__(self, setup: Setup) -> None:
        self.told: list[Told] = [setup]
        self.answers: list[Said | Exception | None] = [Bound(setup.plain, setup.secured)]
        self.full = self.mute = False
        self.dead = ""
        self.is_killed = self.has_ended = False
        self._has_spoken = False

    def tell(self, told: Told, *, patiently: bool = False) -> bool:
        if self.full or self.dead:
            return False
        self.told.append(told)
        return True

    def hear(self, timeout_s: float) -> Said | None:
        if self.dead:
            raise GoneError(self.dead)
        if self.mute:
            return None
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        self._has_spoken = not self._has_spoken
        return Alive() if self._has_spoken else None

    def kill(self) -> None:
        self.is_killed = True

    def end(self) -> None:
        self.has_ended = True
