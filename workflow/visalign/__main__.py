"""Entry point of ``python -m visalign``."""

from visalign.cli import main

if __name__ == "__main__":
    main()
