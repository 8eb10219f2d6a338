"""``python -m govproxy``: the same as the ``govproxy`` script."""

from govproxy.cli.app import main

if __name__ == "__main__":
    main()
