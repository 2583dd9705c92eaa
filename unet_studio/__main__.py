"""`python -m unet_studio`: the same as `unet-studio`."""

import sys

from unet_studio.cli import main

if __name__ == "__main__":
    sys.exit(main())
