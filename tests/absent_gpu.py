"""A GPU that is not there: tensors say `cuda:0`, hold their values in memory, and refuse to meet tensors elsewhere.

No machine that runs these tests need have a GPU, and most mistakes of a program that first meets one are of one kind: a
tensor left on the other side. Here they are found anywhere. What this cannot show: speed, memory, the GPU's own
rounding and random numbers, and `torch.compile`.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors
from torch.utils._python_dispatch import return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

GPU = torch.device("cuda:0")
_aten = torch.ops.aten
_INDEXED = {  # an index may lie on the CPU: PyTorch brings it over
    _aten.index.Tensor,
    _aten._unsafe_index.Tensor,
    _aten.index_put_.default,
    _aten._index_put_impl_.default,
    _aten.index_fill_.int_Scalar,
}


@contextmanager
def absent_gpu() -> Iterator[torch.device]:
    """Within, `cuda` is a device to make tensors on, to move tensors and nets to and from, and to train on."""
    patches = [
        mock.patch.object(torch, "Generator", _AnyGenerator),
        mock.patch.object(torch.random, "fork_rng", _forked),
        mock.patch.object(torch, "_has_compatible_shallow_copy_type", _on_one_side),
        mock.patch.object(torch._C, "_InferenceMode", _without_slopes),
        mock.patch.multiple(
            torch.cuda,
            is_available=lambda: True,
            get_device_name=lambda *given: "a GPU that is not there",
            synchronize=lambda *given: None,
            set_sync_debug_mode=lambda mode: None,
            get_rng_state=lambda *given: torch.get_rng_state(),
            set_rng_state=lambda *given: None,
        ),
        mock.patch.object(torch, "autocast", _autocast),
        mock.patch.object(threading.Thread, "run", _run_there),
        mock.patch.object(torch.optim.Optimizer, "_accelerator_graph_capture_health_check"),
    ]
    with ExitStack() as stack:
        for patch in patches:
            stack.enter_context(patch)
        stack.enter_context(_Moving())
        yield GPU


class OnGPU(Tensor):
    """A tensor that says it lies on the GPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "OnGPU":
        made = Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype
        )
        made.held = held
        return made

    @property
    def device(self) -> torch.device:
        return GPU

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in (_aten.copy_.default, _aten._to_copy.default):
            _check_together(func, args[:1] + args[2:] if func in _INDEXED else (args, kwargs))
        held = tree_map_only(OnGPU, lambda tensor: tensor.held, (args, kwargs))
        found = func(*held[0], **held[1])
        if func is _aten.copy_.default:
            return args[0]
        return return_and_correct_aliasing(func, args, kwargs, tree_map_only(Tensor, OnGPU, found))


def _check_together(func: Any, values: Any) -> None:
    """A single number may lie anywhere, as with PyTorch."""
    if any(isinstance(value, Tensor) and not isinstance(value, OnGPU) and value.dim() for value in tree_leaves(values)):
        raise RuntimeError(f"{func}: Expected all tensors to be on the same device, but found cuda:0 and cpu")


def _check_draws(generator: torch.Generator | None, first: Any, device: torch.device | str | None) -> None:
    """A generator draws where it is."""
    there = _means_gpu(device) or any(isinstance(value, OnGPU) for value in first)
    if generator is not None and _means_gpu(generator.device) != there:
        raise RuntimeError(f"Expected a generator of the device of what is drawn, but found {generator.device}")


class _Moving(TorchFunctionMode):
    """Makes and moves tensors where they are asked to be."""

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        _check_draws(kwargs.get("generator"), args[:1], kwargs.get("device"))
        if func in _device_constructors() and _means_gpu(kwargs.get("device")):
            return OnGPU(func(*args, **kwargs | {"device": "cpu"}))
        if func is Tensor.to:
            return _moved(*args, **kwargs)
        if func is Tensor.cpu:
            return _moved(args[0], "cpu")
        if func is Tensor.pin_memory:
            return args[0]
        if func == Tensor.data.__set__ and isinstance(args[0], OnGPU):
            args[0].held = args[1].held
        if func is Tensor.numpy and isinstance(args[0], OnGPU):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")
        if func in (Tensor.tolist, F.one_hot) and isinstance(args[0], OnGPU):
            found = func(args[0].held, *args[1:], **kwargs)
            return OnGPU(found) if isinstance(found, Tensor) else found
        return func(*args, **kwargs)


def _moved(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    if args and isinstance(args[0], Tensor):
        args = (args[0].device, args[0].dtype, *args[1:])
    device, dtype, _, order = torch._C._nn._parse_to(*args, **kwargs)
    if device is not None and _means_gpu(device) != isinstance(tensor, OnGPU):
        tensor = _Crossing.apply(tensor)
    if dtype is not None and dtype != tensor.dtype:
        tensor = Tensor.to(tensor, dtype)
    return tensor if order is None else Tensor.to(tensor, memory_format=order)


class _Crossing(torch.autograd.Function):
    """A copy to the other side, whose gradient comes back."""

    @staticmethod
    def forward(context: Any, tensor: Tensor) -> Tensor:
        return tensor.held.clone() if isinstance(tensor, OnGPU) else OnGPU(tensor.detach().clone())

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Tensor:
        return _Crossing.apply(slope)


def _on_one_side(tensor: Tensor, other: Tensor) -> bool:
    """Whether a net's parameter may take the other's values and stay the object it is."""
    return isinstance(tensor, OnGPU) == isinstance(other, OnGPU)


class _AnyGenerator(torch.Generator):
    """Draws as a CPU's, wherever it says that it is."""

    def __new__(cls, device: torch.device | str = "cpu") -> "_AnyGenerator":
        made = super().__new__(cls, "cpu")
        made.place = torch.device(device)
        return made

    @property
    def device(self) -> torch.device:
        return self.place


_run = threading.Thread.run


def _run_there(thread: threading.Thread) -> None:
    """A mode is its thread's own, a device every thread's."""
    with _Moving():
        _run(thread)


def _without_slopes(mode: bool) -> torch.no_grad:
    """These tensors cannot be made in inference mode."""
    return torch.no_grad()


_cast = torch.autocast


def _autocast(kind: str, **given: Any) -> torch.autocast:
    """A GPU's casts are nearly a CPU's."""
    return _cast("cpu", **given)


_fork = torch.random.fork_rng


def _forked(devices: Any = None) -> Any:
    return _fork(devices=[])


def _means_gpu(device: torch.device | str | None) -> bool:
    return device is not None and torch.device(device).type == "cuda"
