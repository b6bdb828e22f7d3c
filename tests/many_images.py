"""On how many drawn images the claims about generators are shown: 1,000 by ``make test-generators``."""

from __future__ import annotations

import os

IMAGES = int(os.environ.get("IMAGES", "200"))
