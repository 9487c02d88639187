"""White-box key recovery: a key image found by gradient through the box's weights, then usual distillation with it."""

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.attacks.attack import Attack, Scene
from sdb_core.distillation import soft_objective
from sdb_core.keys import Key
from sdb_core.settings import TrainingSettings
from sdb_core.teaching import Lesson
from sdb_core.training import Batch, Objective, train

STEPS, IMAGES = 200, 128
SEARCH = TrainingSettings(epochs=0, min_steps=STEPS, batch_size=IMAGES, lr=0.05, clip=0.0, warmup=0.0)


class KeyImage(nn.Module):
    """A key whose pixels are learned; it stays an image (pixels within 0 and 1 before normalisation)."""

    def __init__(self, start: Key) -> None:
        super().__init__()
        self.shift, self.scale = (torch.tensor(values).view(-1, 1, 1) for values in (start.mean, start.std))
        pixels = (start.kappa.cpu() * self.scale + self.shift).clamp(0.02, 0.98)
        self.inner, self.lam = nn.Parameter(torch.logit(pixels)), start.lam

    def forward(self, x: Tensor) -> Tensor:
        """x [B, C, H, W] blended with the key."""
        return torch.lerp(self.kappa(), x, self.lam)

    def kappa(self) -> Tensor:
        """The key in normalised space [C, H, W]."""
        pixels = torch.sigmoid(self.inner)
        return (pixels - self.shift.to(pixels)) / self.scale.to(pixels)


def prepare(scene: Scene) -> Lesson:
    """Find a key under which the box agrees with the labels and is least torn, then distil with it."""
    found, losses = recovered(scene)
    answers = scene.answers(key=found)
    return scene.lesson(
        lambda net: soft_objective(net, answers, settings=scene.settings),
        notes={"correlation_with_key": scene.correlation_with_key(found), **losses},
    )


def recovered(scene: Scene, *, settings: TrainingSettings = SEARCH) -> tuple[Key, dict[str, float]]:
    """The key found, and what it was looked for with: the loss at the first and at the last step."""
    start = scene.random_key("recovered-key")
    image = KeyImage(start).to(scene.device)
    chosen = torch.randperm(len(scene.images), generator=torch.Generator().manual_seed(scene.seed("recovery")))
    history = train(
        image,
        agreement(image, scene.box(), temperature=scene.settings.temperature),
        scene.images.take(chosen[:IMAGES]),
        normalisation=scene.normalisation,
        settings=settings,
        run=scene.run("key-recovery"),
    )
    kappa = image.kappa().detach().cpu().contiguous()
    losses = {"first_loss": round(history[0]["loss"], 4), "last_loss": round(history[-1]["loss"], 4)}
    return dataclasses.replace(start, kappa=kappa), losses


def agreement(image: nn.Module, box: nn.Module, *, temperature: float) -> Objective:
    """CE with the labels + the largest wrong probability, both at T: an open stream is right and not torn."""

    def objective(batch: Batch) -> dict[str, Tensor]:
        log_p = F.log_softmax(box(image(batch.x)).float() / temperature, dim=1)  # [B, K]
        right = F.one_hot(batch.labels, log_p.shape[1]).bool()
        wrong = log_p.masked_fill(right, -torch.inf).amax(dim=1)  # [B]
        return {"loss": F.nll_loss(log_p, batch.labels) + wrong.exp().mean()}

    return objective


ATTACKS = (
    Attack(
        name="key-recovery",
        about=f"{STEPS} gradient steps through the weights find a key that opens the box on {IMAGES} images; usual "
        "distillation with it.",
        interface="weights",
        prepare=prepare,
        holds="weights",
        search=(STEPS, IMAGES),
    ),
)
