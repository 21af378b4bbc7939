import subprocess
import sys

PROGRAM = """
from instrd.models.cpu_builds import allow_cpu_builds
allow_cpu_builds()
allow_cpu_builds()
import torch, torchvision
net = torchvision.models.resnet18(weights=None, num_classes=4)
print(tuple(net.eval()(torch.zeros(1, 3, 64, 64)).shape))
"""


def test_torchvision_imports_and_works_beside_any_build_of_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[0] == "(1, 4)", done.stderr
