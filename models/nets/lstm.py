"""The paper's `AudioLSTM`: stacked LSTM layers over MFCC."""

from typing import Literal

from torch import Tensor, nn

from instrd.models.nets.scaling import Scaling


class MfccLstm(nn.Module):
    """An LSTM and a linear layer on its last step, or on the mean of its steps.

    The paper's input size of 173 is the number of frames, so its sequence runs over the
    coefficients; over time, each step is one frame. h0 and c0 are zeros.
    """

    def __init__(
        self,
        *,
        frames: int,
        width: int,
        labels: int,
        over: Literal["coefficients", "time"] = "coefficients",
        hidden: int = 128,
        layers: int = 2,
        dropout: float = 0.0,
        mean_of_steps: bool = False,
        relative: bool = False,
    ) -> None:
        super().__init__()
        self.scaling = Scaling(width, relative=relative, cepstral=True)
        self.over_time = over == "time"
        self.mean_of_steps = mean_of_steps
        inputs = width if self.over_time else frames
        self.lstm = nn.LSTM(inputs, hidden, layers, batch_first=True, dropout=dropout)
        self.fc = nn.Linear(hidden, labels)

    def forward(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, width) to logits (B, labels)."""
        scaled = self.scaling(frames)
        steps, _ = self.lstm(scaled if self.over_time else scaled.transpose(1, 2))
        logits: Tensor = self.fc(steps.mean(dim=1) if self.mean_of_steps else steps[:, -1])
        return logits
