"""Several processes that train one net: started by `torchrun`, each with a part of every batch.

What `DistributedDataParallel(broadcast_buffers=False)` does, without its wrapper (an objective calls the net itself):
all start from the leader's weights, gradients are averaged after the backward pass, buffers stay each process's own.
Batch norm normalises with the statistics of a process's own part, on every backend; running statistics are averaged
where the state is saved and at the end.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

Value = TypeVar("Value")


@dataclass(frozen=True)
class Team:
    """The processes that train together: this is number `rank` of `size`; alone by default.

    Every method is called by all of them at the same point, or they wait for each other for ever.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and talks to the observer."""
        return self.rank == 0

    def told(self, value: Value) -> Value:
        """The leader's value."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def any(self, flag: bool) -> bool:
        """Whether the flag is up for one of them at least."""
        if self.size == 1:
            return flag
        count = torch.tensor(int(flag))
        dist.all_reduce(count)
        return int(count) > 0

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Put the mean over the processes into each of `tensors`, which are of one type and device."""
        if self.size > 1 and tensors:
            flat = _flat(tensors)
            dist.all_reduce(flat)
            _fill(tensors, flat.div_(self.size))

    def follow(self, tensors: Sequence[Tensor]) -> None:
        """Put the leader's values into `tensors`, which are of one type and device."""
        if self.size > 1 and tensors:
            flat = _flat(tensors)
            dist.broadcast(flat, src=0)
            _fill(tensors, flat)


@contextmanager
def joined_team(device: str) -> Iterator[tuple[Team, str]]:
    """The team that `torchrun` has started, and this process's own device: cuda:0, cuda:1, ... for "cuda".

    Without `torchrun`: this process alone. Who has joined before stays in the team.
    """
    if not (dist.is_available() and dist.is_torchelastic_launched()):
        yield Team(), device
        return
    own = f"cuda:{dist.get_node_local_rank()}" if device == "cuda" else device
    if dist.is_initialized():
        yield Team(dist.get_rank(), dist.get_world_size()), own
        return
    if own.startswith("cuda"):
        torch.cuda.set_device(own)
    dist.init_process_group("cpu:gloo,cuda:nccl" if own.startswith("cuda") else "gloo")
    try:
        yield Team(dist.get_rank(), dist.get_world_size()), own
    finally:
        dist.destroy_process_group()


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def _fill(tensors: Sequence[Tensor], flat: Tensor) -> None:
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    with torch.no_grad():
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view(tensor.shape))
