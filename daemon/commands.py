"""What can be asked of a running service over its control socket."""

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from instrd.clients.control import Request
from instrd.clients.protocol import AnyMessage
from instrd.daemon.config import Config, Threshold
from instrd.daemon.control import Commands
from instrd.daemon.errors import ConfigError, InstrdError
from instrd.daemon.following import Following
from instrd.daemon.hearing import model_folders
from instrd.daemon.rules import check_labels, thresholds_of
from instrd.daemon.security import read_security
from instrd.daemon.service import Service
from instrd.models.bundle import list_bundles
from instrd.models.errors import BundleError

log = logging.getLogger(__name__)


ReadAgain = Callable[[], Config] | None
"""Reads the settings anew, what the command line said of them included; None: there is no file."""

WAITING = ("daemon", "source", "analysis", "gate")
"""Sections of the settings that are read at the start alone."""


def commands_of(service: Service, read_again: ReadAgain) -> Commands:
    """Return the commands by name; each raises `InstrdError` for what cannot be done."""
    asked = Asked(service, read_again)
    return {
        "ping": asked.ping,
        "get_state": asked.get_state,
        "list_sources": asked.list_sources,
        "list_models": asked.list_models,
        "set_model": asked.set_model,
        "set_thresholds": asked.set_thresholds,
        "set_mask": asked.set_mask,
        "pause": asked.pause,
        "resume": asked.resume,
        "reload": asked.reload,
        "shutdown": asked.shutdown,
    }


class Asked:
    """Answers requests; the service does the work."""

    def __init__(self, service: Service, read_again: ReadAgain) -> None:
        self._service = service
        self._read_again = read_again
        self._thresholds = service.hearing.config.thresholds
        """Those of the settings, in place of which others may be asked for."""

    def ping(self, _: Request) -> dict[str, Any]:
        publisher = self._service.publisher
        return {"node": publisher.node, "run": publisher.run}

    def get_state(self, request: Request) -> dict[str, Any]:
        self._named(request)
        states = self._service.states.items()
        return {n: msgspec.to_builtins(s) for n, s in states if request.source in (None, n)}

    def list_sources(self, _: Request) -> dict[str, Any]:
        followed = self._service.followed.items()
        return {
            name: {
                "status": following.status,
                "paused": following.paused,
                "rate_hz": following.rate_hz,
                "description": following.description,
            }
            for name, following in followed
        }

    def list_models(self, _: Request) -> dict[str, Any]:
        return {
            "models": list(list_bundles(model_folders(self._config))),
            "now": self._config.model.name,
        }

    def set_model(self, request: Request) -> dict[str, Any]:
        if request.model is None:
            raise InstrdError("set_model: got no model, allowed: the name of a bundle")
        model = msgspec.structs.replace(self._config.model, name=request.model)
        # Thresholds that were asked for are of the model that they were asked of.
        changed = msgspec.structs.replace(self._config, model=model, thresholds=self._thresholds)
        try:
            self._use(changed)
        except ConfigError as error:
            if not str(error).startswith("decision.mask"):
                raise
            raise InstrdError(f"{error}; set_mask without labels clears the mask") from error
        return {"model": request.model}

    def set_thresholds(self, request: Request) -> dict[str, Any]:
        now = thresholds_of(self._config, self._service.hearing.bundle.manifest)
        asked = {*request.thresholds_on, *request.thresholds_off}
        check_labels("set_thresholds", asked, self._service.hearing.bundle.manifest)
        thresholds = dict(self._config.thresholds if asked else self._thresholds)
        for label in asked:
            on = request.thresholds_on.get(label, now[label].on)
            off = request.thresholds_off.get(label, now[label].off)
            if off > on:
                raise InstrdError(f"{label}: got off {off}, allowed at most its on ({on})")
            thresholds[label] = Threshold(on, off)
        self._use(msgspec.structs.replace(self._config, thresholds=thresholds))
        return {"thresholds": msgspec.to_builtins(thresholds)}

    def set_mask(self, request: Request) -> dict[str, Any]:
        if request.labels == ():
            raise InstrdError("set_mask: got no label; leave `labels` out to allow all")
        decision = msgspec.structs.replace(self._config.decision, mask=request.labels or ())
        self._use(msgspec.structs.replace(self._config, decision=decision))
        return {"mask": list(decision.mask)}

    def pause(self, request: Request) -> dict[str, Any]:
        for following in self._not_over(request):
            self._service.tell(following.pause())
        return self._paused()

    def resume(self, request: Request) -> dict[str, Any]:
        for following in self._not_over(request):
            self._service.tell(following.resume())
        return self._paused()

    def reload(self, _: Request) -> dict[str, Any]:
        """Read the config again; sources, endpoints and our own key keep until the next start."""
        if self._read_again is None:
            raise InstrdError(
                "reload: instrd was started without --config, or it read a pipe: there is no file"
            )
        try:
            fresh = self._read_again()
            security = read_security(fresh.security)
            self._use(
                msgspec.structs.replace(
                    self._config,
                    model=fresh.model,
                    decision=fresh.decision,
                    thresholds=fresh.thresholds,
                )
            )
        except InstrdError as error:
            log.warning("reload changed nothing: %s", error)
            raise
        self._thresholds = fresh.thresholds
        self._service.publisher.admit(security.clients if security else {})
        log.info("the settings were read again")
        waiting = [name for name in WAITING if getattr(fresh, name) != getattr(self._config, name)]
        if fresh.security.server_key != self._config.security.server_key:
            waiting.append("security.server_key")
        if waiting:
            log.warning("changes of %s wait for the next start", ", ".join(waiting))
        return {"reloaded": ["model", "decision", "thresholds", "security.clients"]}

    def shutdown(self, _: Request) -> dict[str, Any]:
        self._service.wish.ask("shutdown")
        return {}

    @property
    def _config(self) -> Config:
        return self._service.hearing.config

    def _use(self, config: Config) -> None:
        try:
            changes: list[AnyMessage] = list(self._service.change(config))
        except BundleError as error:
            raise InstrdError(str(error)) from error
        self._service.tell(changes)

    def _named(self, request: Request) -> list[Following]:
        followed = self._service.followed
        if request.source is None:
            return list(followed.values())
        if request.source not in followed:
            raise InstrdError(f"got source {request.source!r}, allowed: {', '.join(followed)}")
        return [followed[request.source]]

    def _not_over(self, request: Request) -> list[Following]:
        named = self._named(request)
        if request.source is not None and named[0].ended:
            raise InstrdError(f"source {request.source}: is over ({named[0].status})")
        return named

    def _paused(self) -> dict[str, Any]:
        followed = self._service.followed.items()
        return {"paused": [name for name, following in followed if following.paused]}
