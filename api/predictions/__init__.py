"""The predictions domain: who may ask, what came, the box's answer. `lane` is the way through it."""
