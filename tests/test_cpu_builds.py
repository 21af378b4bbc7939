import subprocess
import sys

PROGRAM = """
from instrd.models.cpu_builds import allow_cpu_builds
allow_cpu_builds()
allow_cpu_builds()
import torch, torchaudio, torchvision
net = torchvision.models.resnet18(weights=None, num_classes=4)
mel = torchaudio.transforms.MelSpectrogram(16000, n_mels=40, n_fft=1024)
print(tuple(net.eval()(torch.zeros(1, 3, 64, 64)).shape), mel(torch.zeros(1, 4096)).shape[1])
"""


def test_torchvision_and_torchaudio_import_and_work_beside_any_build_of_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.stdout.split("\n")[0] == "(1, 4) 40", done.stderr
