"""From a call of a function to a program."""
