"""`python -m framework`: the command line."""

from framework.experiment.cli import main

if __name__ == "__main__":
    main()
