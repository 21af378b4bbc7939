"""A teacher that knows nothing: the net's own first weights, and tags with numbers for names."""

from pathlib import Path

import torch

from instrd.training.teachers.teacher import BANDS, NAMES, WEIGHTS
from instrd.training.teachers.teacher_net import TAGS, TeacherNet


def made_up_teacher(folder: Path) -> Path:
    """Write a teacher's files into a folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    net = TeacherNet()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    net(torch.randn(4, 1, BANDS, 64))  # so that what it hears reaches its last layer
    torch.save(net.state_dict(), folder / WEIGHTS)
    write_names(folder, TAGS)
    return folder


def write_names(folder: Path, count: int) -> None:
    rows = [f'{number},/m/{number},"Tag, {number}"' for number in range(count)]
    (folder / NAMES).write_text("\n".join(["index,mid,display_name", *rows]))
