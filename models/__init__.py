"""Front-ends, bundles and classifiers: everything that a model is, apart from how it is trained."""

import os

# From 1.31 on ONNX Runtime reports to its makers and keeps files for that, unless this stands here
# before it is loaded. What a studio plays is nobody's business.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
