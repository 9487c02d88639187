"""LitServe with eager torch, batches of up to 32 and its shortest waiting time.

    python -m bench.servers.litserve_server --port 9000

LitServe 0.2.19 waits `batch_timeout` for a batch to fill; 0 turns batching off, so it is given a millisecond.
"""

import argparse
import os
from typing import Any

import litserve
import numpy as np
import torch
from PIL import Image
from starlette.requests import Request

from bench.servers.networks import MEAN, STD, network


class Classifier(litserve.LitAPI):  # type: ignore[misc]
    """One network; the four steps that LitServe asks for."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - LitServe gives it
        torch.set_num_threads(1)
        self.net = network(os.environ["NET"]).eval()

    def decode_request(self, request: Request) -> Any:
        image = Image.open(request["image"].file).convert("RGB")  # a form is the only raw body it takes
        return torch.from_numpy((np.asarray(image, np.float32).transpose(2, 0, 1) / 255 - MEAN) / STD)

    def predict(self, batch: Any) -> Any:
        with torch.inference_mode():
            return self.net(torch.stack(list(batch))).softmax(1)

    def unbatch(self, output: Any) -> Any:
        return list(output)

    def encode_response(self, output: Any) -> dict[str, Any]:
        top = output.topk(5)
        shown = [{"label": k, "prob": p} for k, p in zip(top.indices.tolist(), top.values.tolist(), strict=True)]
        return {"label": int(output.argmax()), "probs": shown}


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    api = Classifier(max_batch_size=32, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(port=given.port, generate_client_file=False, log_level="error", num_api_servers=1)


if __name__ == "__main__":
    main()
