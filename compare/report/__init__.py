"""The report of a run: a page, a Markdown file, charts and a table for the terminal."""
