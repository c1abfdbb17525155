"""The cases, a module for each family."""
