"""``python -m compare`` is the command ``gradscale``."""

from compare.cli import main

if __name__ == "__main__":
    main()
