"""`/metrics`: what Prometheus reads is what happened, and box ids are for admins."""

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from api.predictions.sessions import memory_of
from tests.api.asking import ask
from tests.api.conftest import house_on
from tests.api.networks import Network, as_image, as_npy, random_pixels
from tests.api.seeding import NOBODY, House, Person
from tests.servers.profiles import Profile

PIXELS = random_pixels(3)


def numbers(house: House, who: Person = NOBODY) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    answer = house.get(who, "/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_what_was_answered_is_counted(embedded_profile: Profile, network: Network) -> None:
    with house_on(embedded_profile.settings, network) as house:
        owner, customer, admin = (house.person(role) for role in ("provider", "customer", "admin"))
        first, second = house.box(owner, published=True), house.box(owner, published=True)
        house.license(owner, first, customer, mode="hosted")
        before = numbers(house)
        for _ in range(4):
            ask(house, first, as_image(PIXELS[0], "PNG"), "image/png")
        ask(house, first, as_npy(np.repeat(PIXELS, 30, axis=0)))
        ask(house, second, as_npy(PIXELS))
        ask(house, second, b"nonsense")
        path = f"/v1/boxes/{first}/distill"
        house.http.post(path, content=as_npy(PIXELS), headers=customer.headers | {"Content-Type": "application/x-npy"})

        found, by_box = numbers(house), numbers(house, admin)

    assert {name for name, *labels in before if before[name, *labels]} == {"sdb_onnx_provider"}
    assert found["sdb_prediction_seconds_count", "predict"] == 6
    assert found["sdb_prediction_seconds_count", "distill"] == 1
    assert found["sdb_prediction_seconds_bucket", "predict", "+Inf"] == 6
    assert 0 < found["sdb_prediction_seconds_sum", "predict"] < 60
    assert found["sdb_images_total",] == 100
    assert (by_box["sdb_images_total", first], by_box["sdb_images_total", second]) == (97, 3)
    assert found["sdb_batch_images_sum",] == 100
    assert found["sdb_batch_images_count",] == 12  # of 90 images: five of 16, and 10
    assert found["sdb_batch_images_bucket", "8"] == 6
    assert found["sdb_images_waiting",] == 0
    assert found["sdb_boxes_loaded",] == 2
    assert found["sdb_boxes_loaded_bytes",] == 2 * memory_of(len(network.content))
    assert found["sdb_box_lookups_total", "no"] == 2
    assert found["sdb_box_lookups_total", "yes"] == 5
    assert found["sdb_model_seconds_total",] > 0


def test_only_an_admin_is_told_of_boxes(house: House, provider: Person, admin: Person) -> None:
    box = house.box(provider)
    ask(house, box, as_npy(PIXELS), who=provider)

    assert box in house.get(admin, "/metrics").text
    for who in (NOBODY, provider):
        assert "box_" not in house.get(who, "/metrics").text.replace("box_lookups", "")
