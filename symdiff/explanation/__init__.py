"""The chain rule step by step."""
