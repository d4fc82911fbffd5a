"""``python -m mintaka`` is the ``mintaka`` command."""

from mintaka.server.command import main

if __name__ == "__main__":
    main()
