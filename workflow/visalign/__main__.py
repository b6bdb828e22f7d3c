"""Entry point of ``python -m visalign``."""

import sys

from visalign.forkserver import client

if __name__ == "__main__":
    client.run(sys.argv[1:])  # comes back where no server of a run does it

    from visalign.cli import main

    main()
