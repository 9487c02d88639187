"""The step of the authors' public code (`train_smb.py` of JngwenYe/SDB), written anew from what it does.

Kept as they do it: two forwards of T*, x and x~ apart; T and T0 asked at every step; memory in NCHW; no compilation;
cuDNN deterministic and not benchmarking; the five losses read on the host after each step. Their losses, with their
weights: cross entropies 2:1, the disturbance T^2 KL(T* || T) against KL(T* || T*(x~)) at 1, squared distances of
softened probabilities and, with eta, of rectified logits. Changed: `MSELoss(reduction="batchmean")` raises on current
PyTorch; on the PyTorch of its time it was a sum, which is what stands here. Left out: their loader and its transforms.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LAMBDA, OMEGA, ETA, TEMPERATURE = 0.9, 1.0, 0.001, 4.0
RATE, MOMENTUM, DECAY = 1e-4, 0.9, 5e-4  # their rate is 0.1; a step costs the same at any, and noise teaches nothing


class AuthorsStep:
    """`step()` takes a step over images that lie ready on the nets' device.

    `nets` are T*, T and T0; `images` uint8 [N, C, H, W].
    """

    def __init__(
        self, nets: list[nn.Module], images: Tensor, labels: Tensor, *, batch: int, bfloat16: bool = False
    ) -> None:
        self.box, self.original, self.twin = nets[0].train(), nets[1].eval(), nets[2].eval()
        device = next(self.box.parameters()).device
        self.x = images.to(device).float().div_(255).sub_(0.5).div_(0.25)
        self.labels, self.batch, self.bfloat16 = labels.to(device), batch, bfloat16
        self.kappa = torch.rand(self.x.shape[1:], generator=torch.Generator().manual_seed(1)).to(device)
        self.optimiser = torch.optim.SGD(self.box.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
        self.taken = 0

    def __call__(self) -> None:
        """Take one step."""
        start = self.taken * self.batch % (len(self.x) - self.batch + 1)
        self.taken += 1
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=True):
            self._step(self.x[start : start + self.batch], self.labels[start : start + self.batch])

    def _step(self, x: Tensor, labels: Tensor) -> None:
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
            parts = self._losses(x, labels)
        loss = parts["classes"] - OMEGA * parts["away"] + parts["main"] - ETA * parts["random"]
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        _ = [value.item() for value in (loss, *parts.values())]

    def _losses(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        proxies = LAMBDA * x + (1 - LAMBDA) * self.kappa.unsqueeze(0).repeat(len(x), 1, 1, 1)
        closed, opened = self.box(x), self.box(proxies)  # [B, K] each
        with torch.no_grad():
            known = self.original(x)
        far = _divergence(known / TEMPERATURE, closed / TEMPERATURE) * TEMPERATURE**2
        near = _divergence(opened.detach(), closed)
        softened = F.softmax(known / TEMPERATURE, dim=1) - F.softmax(opened / TEMPERATURE, dim=1)
        with torch.no_grad():
            unknown = self.twin(x)
        like = (F.relu(known) - F.relu(opened)).square().sum()
        unlike = (F.relu(unknown) - F.relu(opened)).square().sum()
        return {
            "classes": 2 * F.cross_entropy(closed, labels) + F.cross_entropy(opened, labels),
            "away": far - near,
            "main": softened.square().sum(),
            "random": 0.01 * like - unlike,
        }


def _divergence(told: Tensor, asked: Tensor) -> Tensor:
    """KL(softmax(asked) || softmax(told)), the mean over the batch, in the authors' order of arguments."""
    return F.kl_div(F.log_softmax(told, dim=1), F.softmax(asked, dim=1), reduction="batchmean")
