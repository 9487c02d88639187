"""The server most people write first: FastAPI, an uploaded file, Pillow, eager torch, one image at a time.

python -m uvicorn --factory bench.servers.naive:app     NET names the network
"""

import io
import os

import numpy as np
import torch
from fastapi import FastAPI, Request
from PIL import Image

from bench.servers.networks import MEAN, STD, network


def app() -> FastAPI:
    """The application, with the network in memory."""
    torch.set_num_threads(1)
    net = network(os.environ["NET"]).eval()
    served = FastAPI()

    @served.post("/predict")
    async def predict(request: Request) -> dict[str, object]:
        image = Image.open(io.BytesIO(await request.body())).convert("RGB")
        pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
        batch = torch.from_numpy((pixels - MEAN) / STD)[None].float()
        with torch.inference_mode():
            probs = net(batch).softmax(1)[0]
        top = probs.topk(5)
        shown = [{"label": k, "prob": p} for k, p in zip(top.indices.tolist(), top.values.tolist(), strict=True)]
        return {"label": int(probs.argmax()), "probs": shown}

    return served
