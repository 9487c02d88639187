"""What an attack declares, and the scene that it is prepared from."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdb_core.answers import Answers, logits_of, teacher_answers
from sdb_core.datasets.images import LabelledImages
from sdb_core.errors import InvalidSettings
from sdb_core.keys import Key
from sdb_core.normalise import Normalisation
from sdb_core.queries import IMAGE_SETS
from sdb_core.settings import LEVELS, StudentSettings
from sdb_core.students import Classroom, Group
from sdb_core.teaching import Lesson, quiet, seed_for
from sdb_core.training import Objective, Run

INTERFACES = ("labels", "topk", "probabilities", "logits", "weights")
HOLDINGS = ("nothing", "part of the key", "weights")
FLOORS = ("students", "box")


@dataclass(frozen=True)
class Attack:
    """One attacker: what it sees and has, and how its student is taught.

    `interface` is what the box's answers show it (INTERFACES; "topk": the `top` largest probabilities), `truth`
    whether it has the right labels, `holds` what it has beside (HOLDINGS), `images` the set it asks about
    (`sdb_core.queries`), `large` whether its student is as large as the model. It asks for one answer about each
    image that teaches (none without `asks`), and in a `search` of so many steps about so many images a step, or all
    there are; who `fits` something to the answers asks about each image as it is, too. `layers`: it reads its
    student's layers, which a program does not show. `level`: the least level of evidence that runs it.
    `floor` "students" or, for who ends with the box's own weights in hand, "box": what the box itself predicts.
    Raises InvalidSettings for what is none of these.
    """

    name: str
    about: str
    interface: str
    prepare: "Callable[[Scene], Lesson]" = field(repr=False)
    truth: bool = True
    holds: str = "nothing"
    level: str = "standard"
    images: str = "train"
    large: bool = False
    top: int = 0
    asks: bool = True
    fits: bool = False
    layers: bool = False
    search: tuple[int, int] = (0, 0)
    floor: str = "students"

    def __post_init__(self) -> None:
        chosen = (("interface", INTERFACES), ("holds", HOLDINGS), ("level", LEVELS), ("floor", FLOORS))
        for name, known in (*chosen, ("images", tuple(IMAGE_SETS))):
            if (value := getattr(self, name)) not in known:
                raise self._wrong(f"has {name} {value!r}; choose one of {', '.join(known)}")
        if (self.top > 0) != (self.interface == "topk"):
            raise self._wrong("sets top to how many probabilities it sees if its interface is topk, and only then")
        if (self.interface == "weights") != (self.holds == "weights"):
            raise self._wrong("has the interface weights if it holds the weights, and only then")

    def group(self, room: Classroom) -> Group:
        """The students that this attacker's is compared with."""
        student = room.subject.architecture.name if self.large else room.home.student
        return Group(student, self.images, self.truth)

    def query_budget(self, room: Classroom) -> int:
        """How many of the box's answers it uses."""
        group = self.group(room)
        count, (steps, images) = len(room.images(group)), self.search
        taught = room.queries(group) if self.asks else 0
        fitted = count if self.fits and room.taught.augment != "none" else 0
        return taught + fitted + steps * min(images, count)

    def data_budget(self, room: Classroom) -> str:
        """What data the attacker has, in words."""
        words = IMAGE_SETS[self.images].words.format(count=len(room.images(self.group(room))))
        return f"{words}, {'with their labels' if self.truth else 'without labels'}"

    def _wrong(self, what: str) -> InvalidSettings:
        return InvalidSettings(f"The attack {self.name} {what}.")


class Scene:
    """What one attacker faces, and no more: answers as its interface shows them, labels only where it has truth.

    Everyone knows lambda, the normalisation and the data's classes; all else is refused with PermissionError.
    """

    def __init__(self, room: Classroom, attack: Attack) -> None:
        self._room, self._attack, self._group = room, attack, attack.group(room)
        key = room.subject.key
        self.lam, self.mean, self.std, self.shape = key.lam, key.mean, key.std, tuple(key.kappa.shape)
        self.device = room.run.device

    @property
    def images(self) -> LabelledImages:
        """The images it asks about and teaches with."""
        return self._room.images(self._group)

    @property
    def classes(self) -> int:
        """How many there are."""
        return len(self.images.class_names)

    @property
    def settings(self) -> StudentSettings:
        """How students are taught: with alpha 1 where there are no labels."""
        return self._room.settings(self._group)

    @property
    def normalisation(self) -> Normalisation:
        """From pixels to what the box reads."""
        return self._room.subject.normalisation

    def at(self, temperature: float) -> StudentSettings:
        """These settings at another temperature."""
        return dataclasses.replace(self.settings, temperature=temperature)

    def answers(self, *, key: Key | None = None) -> Answers:
        """What the box shows for a batch [B, K] (`shown`): for x, or for x blended with a key of the attacker's own."""
        raw = self._room.answers("box", self._group, key=key)
        return lambda batch: self._shown(raw(batch))

    def table(self) -> Tensor:
        """What the box shows for each image as it is [N, K]: to fit on."""
        return self._shown(logits_of(self._room.subject.box, self.images, normalisation=self.normalisation))

    def answers_of(self, net: nn.Module) -> Answers:
        """What a net of the attacker's own answers for a batch [B, K]."""
        return teacher_answers(net, self.images, normalisation=self.normalisation, settings=self.settings)

    def lesson(self, objective: Callable[[nn.Module], Objective], **changes: object) -> Lesson:
        """The group's usual lesson with this objective and other `changes` to it (see `Lesson`)."""
        return dataclasses.replace(self._room.lesson(self._group, objective), **changes)  # type: ignore[arg-type]

    def new_student(self, seed: int) -> nn.Module:
        """An untrained net, as large as the student."""
        return self._room.lesson(self._group, lambda _: lambda _: {}).new(seed)

    def box(self) -> nn.Module:
        """The box's net, for who holds the weights."""
        if self._attack.holds != "weights":
            raise PermissionError(f"The attack {self._attack.name} does not hold the weights.")
        return self._room.subject.box

    def key_with(self, share: float) -> Key:
        """The key with this share of its pixels right and the others drawn anew, for who holds a part of it."""
        if self._attack.holds != "part of the key":
            raise PermissionError(f"The attack {self._attack.name} holds no part of the key.")
        key, drawn = self._room.subject.key, self.random_key("key-part")
        generator = torch.Generator().manual_seed(self.seed("right-pixels"))
        order = torch.rand(key.kappa.shape[1:], generator=generator).flatten().argsort().argsort()
        right = (order < round(share * len(order))).view(key.kappa.shape[1:])  # [H, W]
        return dataclasses.replace(key, kappa=torch.where(right, key.kappa.cpu(), drawn.kappa))

    def correlation_with_key(self, key: Key) -> float:
        """For the report alone: how the attacker's key goes with the right one, pixel by pixel (-1 to 1)."""
        pairs = torch.stack([self._room.subject.key.kappa.flatten().cpu(), key.kappa.flatten().cpu()])
        return round(float(torch.corrcoef(pairs).nan_to_num()[0, 1]), 3)

    def random_key(self, purpose: str) -> Key:
        """A key as anyone would draw it."""
        generator = torch.Generator().manual_seed(self.seed(purpose))
        return Key.random(self.shape, mean=self.mean, std=self.std, lam=self.lam, generator=generator)

    def seed(self, purpose: str) -> int:
        """A seed of its own for each purpose."""
        return seed_for(self._room.run.seed, purpose)

    def run(self, stage: str) -> Run:
        """For training that an attack does before its student is taught."""
        return quiet(self._room.run, stage=stage, seed=self.seed(stage))

    def _shown(self, logits: Tensor) -> Tensor:
        return shown(logits, interface=self._attack.interface, top=self._attack.top)


def shown(logits: Tensor, *, interface: str, top: int = 0) -> Tensor:
    """What an interface shows of logits [B, K].

    "labels": one-hot; "topk": log-probabilities of the `top` largest, -inf for the rest; "probabilities":
    log-probabilities; "logits" and "weights": the logits.
    """
    if interface == "labels":
        return F.one_hot(logits.argmax(dim=1), logits.shape[1]).float()
    if interface in ("logits", "weights"):
        return logits
    log_p = F.log_softmax(logits, dim=1)
    if interface == "probabilities":
        return log_p
    kept = log_p.topk(min(top, logits.shape[1]), dim=1)
    return torch.full_like(log_p, -torch.inf).scatter(1, kept.indices, kept.values)
