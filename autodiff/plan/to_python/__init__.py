"""A program of plain numbers printed as Python arithmetic."""
