"""Passes: functions from program to program that make it shorter or faster."""
