"""Requests at random to a whole service, and what must be true of replies and service."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import msgspec
from random_requests import random_request
from service_rig import Rig
from tone_bundle import tone_bundle

from instrd.clients.control import Reply
from instrd.daemon.config import Config, ModelChoice
from instrd.daemon.control import reply_to
from instrd.daemon.signals import StopWish

OUR_FAULT = "internal error, see the daemon's log"


@contextmanager
def target(folder: Path) -> Iterator[Callable[[Random], str]]:
    """Take requests; tell whether each was done or why not, in a word."""
    tone_bundle(folder / "tones")
    with Rig(Config(model=ModelChoice(name="tones", folders=(str(folder),)))) as rig:

        def state() -> tuple[object, ...]:
            hearing = rig.service.hearing
            return hearing.config, hearing.bundle, id(hearing.classifier), rig.service.wish.reason

        def take(rng: Random) -> str:
            before = state()
            reply = reply_to(random_request(rng), rig.commands)
            assert msgspec.json.decode(msgspec.json.encode(reply), type=Reply) == reply
            assert reply.ok == (reply.error is None)
            assert reply.error != OUR_FAULT
            assert reply.ok or (state() == before and not rig.messages), "refused, yet changed"
            rig.messages.clear()
            rig.service.wish = StopWish()
            if reply.ok:
                return "done"
            return "refused, no request" if "not a request" in str(reply.error) else "refused"

        yield take
