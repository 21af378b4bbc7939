"""The process's place among those that train together (torchrun), and its device."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True, slots=True)
class Place:
    """Which of how many processes this is, and what it computes on."""

    rank: int
    processes: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Return this process's part of a batch of `count`; all parts together are the batch."""
        return slice(self.rank, count, self.processes)

    def add_gradients(self, net: nn.Module) -> None:
        """Put the sum over all processes in the place of the net's gradients.

        DistributedDataParallel would do that while it goes back, but keeps its process group alive
        to the end of the interpreter, where gloo's threads now and then abort the process.
        """
        if self.processes == 1:
            return
        own = [p.grad for p in net.parameters() if p.grad is not None]
        together = self.total(torch.cat([gradient.reshape(-1) for gradient in own]))
        parts = together.split([gradient.numel() for gradient in own])
        for gradient, part in zip(own, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of the tensor over all processes."""
        if self.processes > 1:
            distributed.all_reduce(values)
        return values

    def as_led(self, values: Tensor) -> Tensor:
        """Return the leading process's tensor, so that all decide alike by it."""
        if self.processes > 1:
            distributed.broadcast(values, src=0)
        return values

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.processes > 1:
            distributed.barrier()


def half_width(device: torch.device) -> bool:
    """Say whether matrices are multiplied faster in bfloat16, which a net can be fitted in.

    A CPU that does not know it works it out in floats and takes ten times as long.
    """
    known = torch.ops.mkldnn._is_mkldnn_bf16_supported  # noqa: SLF001 - torch has no other word
    return device.type == "cuda" or bool(known())


@contextmanager
def join() -> Iterator[Place]:
    """Join the processes that torchrun started, by nccl on GPUs, else gloo; alone without it."""
    on_gpu = torch.cuda.is_available()
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if processes == 1:
        yield Place(0, 1, torch.device("cuda" if on_gpu else "cpu"))
        return
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    try:
        yield Place(distributed.get_rank(), processes, device)
    finally:
        distributed.destroy_process_group()
