"""The training loop: mixtures in, averaged weights out, resumable at any checkpoint."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import DataLoader, IterableDataset

from instrd.models.nets.causal_net import CausalNet
from instrd.training.mixtures import Mixer
from instrd.training.optimisation import Average, rate_share
from instrd.training.recipe import Recipe

CHECKPOINT = "checkpoint.pt"
LOG = "log.txt"
RECIPE = "recipe.json"
_SAVE_EVERY = 200
_LOG_EVERY = 50
_NORM_BATCHES = 4
_NORM_SALT = 1


class Batches(IterableDataset[tuple[Tensor, Tensor, Tensor]]):
    """Mixtures made in another process while the net learns from those before."""

    def __init__(self, recipe: Recipe, bank: Path, first: int) -> None:
        self._recipe = recipe
        self._bank = bank
        self._first = first

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        torch.set_num_threads(1)
        mixer = Mixer(self._recipe, self._bank, "train")
        for batch in mixer.batches(self._first, self._recipe.fit.steps):
            yield tuple(torch.from_numpy(array) for array in batch)  # type: ignore[misc]


class Log:
    """Lines with the time since the start, to a file and the terminal."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started_s = time.monotonic()

    def __call__(self, line: str) -> None:
        stamped = f"{time.monotonic() - self._started_s:7.0f} s  {line}"
        print(stamped, flush=True)  # noqa: T201 - the output of instrd-train fit
        with self._path.open("a", encoding="utf-8") as file:
            file.write(stamped + "\n")


def fit(recipe: Recipe, *, bank: Path, run: Path, until: int | None = None) -> None:
    """Train to the recipe's last step (or `until`); goes on from the run's checkpoint."""
    run.mkdir(parents=True, exist_ok=True)
    (run / RECIPE).write_bytes(msgspec.json.format(msgspec.json.encode(recipe), indent=1))
    log = Log(run / LOG)
    torch.manual_seed(recipe.seed)
    net = build(recipe)
    net.train()
    optimiser = _optimiser(net, recipe)
    forward = torch.compile(net) if recipe.fit.compiled else net
    average = Average(net, recipe.fit.average)
    first = 0
    if (run / CHECKPOINT).is_file():
        first = _resume(run / CHECKPOINT, net, optimiser, average)
    else:
        _normalise(net, recipe, bank)
        average = Average(net, recipe.fit.average)
    log(f"steps {first}..{until or recipe.fit.steps}, {_parameters(net)} parameters")
    step, losses = first, []
    loader = DataLoader(Batches(recipe, bank, first), batch_size=None, num_workers=1)
    for batch in loader:
        for group in optimiser.param_groups:
            group["lr"] = recipe.fit.rate_most * rate_share(step / recipe.fit.steps)
        losses.append(_learn(net, forward, optimiser, batch, recipe.fit.positive_weight))
        step += 1
        average.follow(net, step)
        if step % _LOG_EVERY == 0:
            log(f"step {step}  loss {sum(losses) / len(losses):.4f}")
            losses.clear()
        if step % _SAVE_EVERY == 0 or step in (until, recipe.fit.steps):
            _save(run / CHECKPOINT, net, optimiser, average, step)
        if step == until:
            break


def build(recipe: Recipe) -> CausalNet:
    """Return the untrained net of a recipe."""
    return CausalNet(bands=recipe.front_end.width, labels=len(recipe.labels))


def trained(recipe: Recipe, run: Path) -> CausalNet:
    """Return the run's averaged net, ready to judge."""
    checkpoint = torch.load(run / CHECKPOINT, weights_only=True)
    net = build(recipe)
    net.load_state_dict(checkpoint["average"])
    return net.eval()


def _learn(
    net: CausalNet,
    forward: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    optimiser: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor, Tensor],
    positive_weight: float,
) -> float:
    """Take one step and return its loss."""
    frames, targets, weights = batch
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = forward(frames, net.initial_state(len(frames)))
    each = binary_cross_entropy_with_logits(
        logits.float(), targets, reduction="none", pos_weight=torch.tensor(positive_weight)
    )
    loss = (each * weights).sum() / weights.sum()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _optimiser(net: CausalNet, recipe: Recipe) -> torch.optim.Optimizer:
    for parameter in net.parameters():
        if parameter.ndim == 4:  # 2.7 times faster than the default layout on CPU
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return torch.optim.AdamW(
        net.parameters(), lr=recipe.fit.rate_most, weight_decay=recipe.fit.weight_decay
    )


def _normalise(net: CausalNet, recipe: Recipe, bank: Path) -> None:
    """Measure each band's mean and deviation on mixtures and write them into the net."""
    mixer = Mixer(recipe, bank, "train")
    frames = [
        torch.from_numpy(batch[0]) for batch in mixer.batches(0, _NORM_BATCHES, salt=_NORM_SALT)
    ]
    together = torch.cat(frames).flatten(0, 1)
    net.mean.copy_(together.mean(dim=0))
    net.deviation.copy_(together.std(dim=0))


def _save(
    path: Path,
    net: CausalNet,
    optimiser: torch.optim.Optimizer,
    average: Average,
    step: int,
) -> None:
    state: dict[str, Any] = {
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "average": average.values,
        "step": step,
    }
    unfinished = path.with_suffix(".new")
    torch.save(state, unfinished)
    unfinished.replace(path)


def _resume(
    path: Path,
    net: CausalNet,
    optimiser: torch.optim.Optimizer,
    average: Average,
) -> int:
    state = torch.load(path, weights_only=True)
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    average.values = state["average"]
    return int(state["step"])


def _parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())
