"""The package names Node before any of its modules starts CDK, whatever their imports' order."""

import stacks  # noqa: F401
