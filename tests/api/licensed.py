"""Using a license, whichever way, and looking at it."""

from typing import Any

from httpx2 import Response

from sdb_service import licensing
from tests.api.networks import NPY, as_npy, normalised, random_pixels
from tests.api.seeding import House, Person

PIXELS = random_pixels(2)
ALL = ["key:download", "distill", "box:download"]


def key(house: House, who: Person, held: str, _box: str) -> Response:
    return house.get(who, f"/v1/licenses/{held}/key")


def distill(house: House, who: Person, _held: str, box: str) -> Response:
    headers = who.headers | {"Content-Type": NPY}
    return house.http.post(f"/v1/boxes/{box}/distill", content=as_npy(PIXELS), headers=headers)


def hosted_infer(house: House, who: Person, _held: str, box: str) -> Response:
    x = normalised(PIXELS)
    tensor = {"name": "input", "shape": list(x.shape), "datatype": "FP32", "data": x.ravel().tolist()}
    return house.post(who, f"/v2/models/{box}/infer", {"inputs": [tensor], "parameters": {"key": "hosted"}})


def weights(house: House, who: Person, _held: str, box: str) -> Response:
    return house.get(who, f"/v1/boxes/{box}/checkpoint")


def onnx(house: House, who: Person, _held: str, box: str) -> Response:
    return house.get(who, f"/v1/boxes/{box}/checkpoint?format=onnx")


ROUTES = {
    key: "key:download",
    distill: "distill",
    hosted_infer: "distill",
    weights: "box:download",
    onnx: "box:download",
}


def code_of(answer: Response) -> str:
    return "given" if answer.status_code == 200 else str(answer.json()["code"])


def look(house: House, who: Person, held: str) -> dict[str, Any]:
    found: dict[str, Any] = house.get(who, f"/v1/licenses/{held}").json()
    return found


def reasons(house: House, who: Person, held: str) -> dict[str, str]:
    answer = house.get(who, f"/v1/licenses/{held}/validation").json()
    assert answer["valid"] == (answer["reason"] == "license_valid")
    assert all(one["detail"] == licensing.CURES[one["reason"]] for one in answer["gives"])
    return {"": answer["reason"]} | {one["entitlement"]: one["reason"] for one in answer["gives"]}
