"""Skeptical Students (Kundu et al., NeurIPS 2021): the teacher is heard by an early exit, not by the whole student.

Loss as in the authors' code (ksouvik52/Skeptical2021, `train_kd_to_SD.py`) for one exit: the exit learns from teacher
and labels (hybrid distillation), and from the last layer (self-distillation); the last layer from labels alone. Theirs
has three exits of convolutions with attention, built for each net, one of which is chosen to hear the teacher, after an
optional delay; this one fits any net: halfway, of pooled maps, and heard from the first step.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core import losses
from sdb_core.attacks.attack import Attack, Scene
from sdb_core.errors import InvalidSettings
from sdb_core.settings import StudentSettings
from sdb_core.teaching import Lesson
from sdb_core.training import Batch, Objective

SELF_SHARE = 0.3


class WithExit(nn.Module):
    """A net with a classifier of its own on the maps halfway through it; `forward` answers the last layer's logits."""

    def __init__(self, net: nn.Module, *, shape: tuple[int, ...], classes: int, seed: int) -> None:
        super().__init__()
        self.net = net
        layer, width = _halfway(net, shape)
        layer.register_forward_hook(self._keep)
        self._maps: Tensor | None = None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.head = nn.Sequential(nn.Linear(2 * width, 4 * width), nn.ReLU(), nn.Linear(4 * width, classes))
        self.head.to(next(net.parameters()).device)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K]."""
        logits: Tensor = self.net(x)
        return logits

    def exit(self) -> Tensor:
        """The exit's logits [B, K] for the last `forward`."""
        assert self._maps is not None
        logits: Tensor = self.head(_pooled(self._maps))
        return logits

    def _keep(self, _layer: nn.Module, _inputs: tuple[Tensor, ...], maps: Tensor) -> None:
        self._maps = maps


def prepare(scene: Scene) -> Lesson:
    """Hybrid distillation into a student with an exit."""
    answers = scene.answers()

    def new(seed: int) -> nn.Module:
        return WithExit(scene.new_student(seed), shape=scene.shape, classes=scene.classes, seed=seed)

    def maker(student: nn.Module) -> Objective:
        assert isinstance(student, WithExit)

        def objective(batch: Batch) -> dict[str, Tensor]:
            last = student(batch.x).float()
            return {"loss": hybrid_loss(answers(batch), last, student.exit().float(), batch.labels, scene.settings)}

        return objective

    return scene.lesson(maker, new=new)


def hybrid_loss(teacher: Tensor, last: Tensor, early: Tensor, labels: Tensor, settings: StudentSettings) -> Tensor:
    """CE(last, y) + [(1 - alpha) CE + alpha T^2 KL(teacher || early)] + [0.7 CE(early, y) + 0.3 KL(last || early)]."""
    heard = losses.student_loss(early, teacher, labels, alpha=settings.alpha, temperature=settings.temperature)
    inner = losses.divergence(last, early, settings.temperature)
    own = (1 - SELF_SHARE) * F.cross_entropy(early, labels) + SELF_SHARE * inner
    return F.cross_entropy(last, labels) + heard + own


def _halfway(net: nn.Module, shape: tuple[int, ...]) -> tuple[nn.Module, int]:
    """The layer in the middle of those that answer maps (or tokens), and how many channels it has.

    Raises InvalidSettings for a net that shows no layers.
    """
    seen: list[tuple[nn.Module, int]] = []

    def note(layer: nn.Module, _inputs: object, found: object) -> None:
        if isinstance(found, Tensor) and found.dim() >= 3:
            seen.append((layer, found.shape[1] if found.dim() == 4 else found.shape[-1]))

    hooks = [layer.register_forward_hook(note) for layer in net.modules() if not list(layer.children())]
    was_training = net.training
    with torch.no_grad():
        net.eval()(torch.zeros((1, *shape), device=next(net.parameters()).device))
    net.train(was_training)
    for hook in hooks:
        hook.remove()
    if not seen:
        raise InvalidSettings("skeptical puts an exit on its student's layers, and a program shows none; name another.")
    return seen[(len(seen) - 1) // 2]


def _pooled(maps: Tensor) -> Tensor:
    """Mean and largest value of each channel: maps [B, C, H, W] or tokens [B, N, C] -> [B, 2 C]."""
    flat = maps.flatten(2) if maps.dim() == 4 else maps.transpose(1, 2)  # [B, C, N]
    return torch.cat([flat.mean(dim=2), flat.amax(dim=2)], dim=1)


ATTACKS = (
    Attack(
        name="skeptical",
        about="Skeptical Students: an early exit hears the box, the last layer only the labels.",
        interface="probabilities",
        prepare=prepare,
        layers=True,
    ),
)
