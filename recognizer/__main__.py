"""The command as a module: `python -m recognizer`."""

from recognizer.cli import main

if __name__ == "__main__":
    main()
