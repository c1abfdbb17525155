"""The tape, tensors, and primitives with the registries that say which one answers a function."""
