"""A finished batch becomes answers, those who asked alike together."""

import numpy as np

from api.predictions import answers
from api.predictions.answers import Logits
from api.predictions.questions import Question
from api.predictions.tickets import Rendering, Reply


def deliver(questions: list[Question], logits: Logits) -> None:
    """Answer requests whose logits lie one after the other."""
    rendering = questions[0].ticket.rendering
    if all(question.ticket.rendering is rendering for question in questions):
        _tell(rendering, questions, logits)
        return
    parts: dict[Rendering, tuple[list[Question], list[Logits]]] = {}
    row = 0
    for question in questions:
        alike, rows = parts.setdefault(question.ticket.rendering, ([], []))
        alike.append(question)
        rows.append(logits[row : row + len(question.images)])
        row += len(question.images)
    for rendering, (alike, rows) in parts.items():
        _tell(rendering, alike, np.concatenate(rows))


def _tell(rendering: Rendering, questions: list[Question], logits: Logits) -> None:
    counts = [len(question.images) for question in questions]
    if rendering.media_type == answers.JSON:
        bodies = answers.as_json(rendering.box, logits, rendering.shown, counts=counts)
    elif rendering.media_type == answers.TENSORS:
        bodies = answers.as_tensors(logits, rendering.shown, counts=counts)
    else:
        bodies = answers.as_arrays(logits, rendering.shown, rendering.media_type, counts=counts)
    for question, body in zip(questions, bodies, strict=True):
        if not question.is_gone:
            question.is_told = True
            question.told(Reply(body, rendering.media_type, question.budget))
