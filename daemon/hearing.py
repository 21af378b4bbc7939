"""The model that judges now and the settings it is used with; both can change between two hops."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from instrd.clients.protocol import AnyMessage, Model
from instrd.daemon.config import Config
from instrd.daemon.errors import ConfigError
from instrd.daemon.paths import expanded
from instrd.daemon.report import EventNumbers
from instrd.daemon.rules import check_fit, check_mask, thresholds_of
from instrd.daemon.stream import Stream
from instrd.models.bundle import Bundle, find_bundle
from instrd.models.classifier import Classifier
from instrd.models.errors import shown
from instrd.models.registry import load_classifier


class Hearing:
    """Holds config, bundle and classifier, which always fit each other."""

    def __init__(self, config: Config, run: str) -> None:
        self.numbers = EventNumbers(run)
        self.config = config
        self.bundle, self.classifier = load(config)
        check_fit(config, self.bundle.manifest)

    def change(self, config: Config, streams: Sequence[Stream]) -> Iterator[AnyMessage]:
        """Use other settings from the next hop on; on failure everything stays as it was."""
        swap = not self._is_served(config)
        bundle, classifier = load(config) if swap else (self.bundle, self.classifier)
        check_fit(config, bundle.manifest)
        check_mask(config, bundle.manifest)
        self.config, self.bundle, self.classifier = config, bundle, classifier
        for stream in streams:
            if swap:
                yield from stream.adopt(classifier, config)
            else:
                yield from stream.follow(config)

    def model_message(self) -> Model:
        """Return what subscribers should know of the model."""
        manifest = self.bundle.manifest
        thresholds = thresholds_of(self.config, manifest).values()
        return Model(
            name=manifest.name,
            labels=manifest.labels,
            multi_label=manifest.multi_label,
            background=manifest.background,
            rate_hz=manifest.front_end.rate_hz,
            window_ms=round(1e3 * manifest.window_s, 3),
            hop_ms=round(1e3 * self.config.analysis.hop_s, 3),
            thresholds_on=tuple(one.on for one in thresholds),
            thresholds_off=tuple(one.off for one in thresholds),
            sha256=self.bundle.sha256,
            device=self.config.model.device,
        )

    def _is_served(self, config: Config) -> bool:
        """Say whether the model of these settings is the one that judges now.

        One that is asked for by the same name is looked at: it may have been trained anew.
        """
        asked, served = config.model, self.config.model
        if asked is served or (asked.name, asked.device) != (served.name, served.device):
            return asked is served
        return find_bundle(asked.name, model_folders(config)).sha256 == self.bundle.sha256


def hearing_for_run(config: Config, run: str) -> Hearing:
    """Return what `instrd run` hears with: something must be left that it could name."""
    hearing = Hearing(config, run)
    check_mask(config, hearing.bundle.manifest)
    return hearing


def load(config: Config) -> tuple[Bundle, Classifier]:
    """Return the chosen model, tried out; raises `BundleError`."""
    folders = model_folders(config)
    bundle = find_bundle(config.model.name, folders)
    return bundle, load_classifier(bundle, config.model.device, folders)


def model_folders(config: Config) -> list[Path]:
    """Return where bundles lie beside those that came along; raises `ConfigError`."""
    folders = [expanded(folder, "model.folders") for folder in config.model.folders]
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(
                f"model.folders: got {shown(folder)}, allowed: a folder that is there"
            )
    return folders
