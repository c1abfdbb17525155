"""Entries of tables: looked up by name, added by plug-ins."""
