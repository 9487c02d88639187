"""BentoML with eager torch and its adaptive batching.

python -m bentoml serve bench.servers.bentoml_server:Classifier
"""

import os

import bentoml
import numpy as np
import torch
from PIL import Image

from bench.servers.networks import MEAN, STD, network


@bentoml.service(workers=1, traffic={"timeout": 60, "max_concurrency": 256})
class Classifier:
    """One network behind an adaptive batcher."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.net = network(os.environ["NET"]).eval()

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000, route="/run")
    def run(self, images: list[Image.Image]) -> list[dict[str, object]]:
        pixels = [np.asarray(image.convert("RGB"), np.float32) for image in images]
        batch = (np.stack(pixels).transpose(0, 3, 1, 2) / 255 - MEAN) / STD
        with torch.inference_mode():
            probs = self.net(torch.from_numpy(batch)).softmax(1)
        return [{"label": int(row.argmax()), "probs": row.topk(5).values.tolist()} for row in probs]
