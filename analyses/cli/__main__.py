"""`python -m analyses.cli` is `ml2o`."""

from __future__ import annotations

import sys

from analyses.cli import main

sys.exit(main())
