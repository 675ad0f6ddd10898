"""The version of this software, in one place: reports, logs and the stack's outputs carry it.

Evidence must say who judged. A test holds it against ``pyproject.toml`` and ``CHANGELOG.md``.
"""

VERSION = "0.5.0"
