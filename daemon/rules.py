"""The user's settings and a model's manifest, turned into rules in samples of one source."""

from collections.abc import Collection

from instrd.daemon.config import Config, Threshold
from instrd.daemon.decision import Rules
from instrd.daemon.errors import ConfigError
from instrd.daemon.track import Rule
from instrd.models.bundle import Manifest

UPDATE_EVERY_S = 1.0


def rules_for(config: Config, manifest: Manifest, rate_hz: int) -> Rules:
    """Return the rules for a source of that rate."""
    times, front_end = config.decision, manifest.front_end
    model_to_source = rate_hz / front_end.rate_hz
    return Rules(
        labels=tuple(
            Rule(
                label=label,
                threshold_on=chosen.on,
                threshold_off=chosen.off,
                background=label in manifest.background,
                masked=bool(times.mask) and label not in times.mask,
                min_on=round(times.min_on_s * rate_hz),
                min_off=round(times.min_off_s * rate_hz),
                update_every=round(UPDATE_EVERY_S * rate_hz),
                onset_lag=round(manifest.onset_lag_frames * front_end.hop * model_to_source),
            )
            for label, chosen in thresholds_of(config, manifest).items()
        ),
        margin=0.0 if manifest.multi_label else times.margin,
        smoothing=times.smoothing_s * rate_hz,
        warm_up=round(_evidence(manifest) * model_to_source),
    )


def _evidence(manifest: Manifest) -> int:
    """Return the samples at the model's rate that it must have heard before it may name."""
    if manifest.warm_up_frames is not None:
        return manifest.warm_up_frames * manifest.front_end.hop
    # A causal net needs one full frame; one that judges a window, half of it.
    return manifest.front_end.fft if manifest.kind == "causal" else manifest.window_samples // 2


def check_fit(config: Config, manifest: Manifest) -> None:
    """Raise `ConfigError` if the settings name labels that the model has not."""
    check_labels("decision.mask", config.decision.mask, manifest)
    check_labels("thresholds", config.thresholds, manifest)


def check_mask(config: Config, manifest: Manifest) -> None:
    """Raise `ConfigError` if the mask leaves nothing that could be named."""
    mask = config.decision.mask
    if mask and set(mask) <= set(manifest.background):
        instruments = [label for label in manifest.labels if label not in manifest.background]
        raise ConfigError(
            f"decision.mask: got {', '.join(mask)} alone, which is never named; "
            f"instruments of model {manifest.name}: {', '.join(instruments)}"
        )


def check_labels(key: str, labels: Collection[str], manifest: Manifest) -> None:
    """Raise `ConfigError` if the model has not all these labels."""
    unknown = sorted(set(labels) - set(manifest.labels))
    if unknown:
        raise ConfigError(
            f"{key}: got {', '.join(unknown)}; "
            f"model {manifest.name} has: {', '.join(manifest.labels)}"
        )


def thresholds_of(config: Config, manifest: Manifest) -> dict[str, Threshold]:
    """Return every label's thresholds: the user's, else the model's."""
    of_model = zip(manifest.labels, manifest.threshold_on, manifest.threshold_off, strict=True)
    return {label: config.thresholds.get(label, Threshold(on, off)) for label, on, off in of_model}
