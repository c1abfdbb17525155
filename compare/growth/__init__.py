"""How costs grow: laws with bounds, their uncertainty, and where engines meet."""
