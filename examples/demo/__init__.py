"""The main job for real: a provider wraps a model, a customer gets the key, the public gets predictions."""
