"""The HTTP shapes of predictions, as the description of the API shows them; `answers` writes the bytes."""

from pydantic import BaseModel


class ClassProb(BaseModel):
    label: int
    class_name: str | None
    prob: float


class Prediction(BaseModel):
    """The answer for one image; parts that were not asked for are null."""

    label: int
    class_name: str | None
    probs: list[ClassProb] | None = None
    logits: list[float] | None = None


class Predictions(BaseModel):
    box_id: str
    labels: list[int]
    predictions: list[Prediction]
