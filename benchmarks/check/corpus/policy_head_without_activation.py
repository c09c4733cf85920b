# rule: nothing-between
# link: https://github.com/microsoft/Everything-of-Thoughts-XoT/issues/14
import torch
from torch import nn


class OthelloStyle(nn.Module):
    def __init__(self, board=8, channels=32, actions=64):
        super().__init__()
        self.conv = nn.Conv2d(1, channels, 3, padding=1)
        self.bn = nn.BatchNorm2d(channels)
        self.fc_p1 = nn.Linear(channels * board * board, 512)
        self.fc_p2 = nn.Linear(512, actions)
        self.dropout = nn.Dropout(0.3)

    def forward(self, s):
        s = torch.relu(self.bn(self.conv(s)))
        s = torch.flatten(s, 1)
        pi = self.fc_p2(self.dropout(self.fc_p1(s)))  #-
        #+ pi = self.fc_p2(self.dropout(torch.relu(self.fc_p1(s))))
        return torch.log_softmax(pi, dim=1)


model = OthelloStyle()
optim = torch.optim.Adam(model.parameters(), lr=1e-3)
for _ in range(50):
    boards, moves = torch.randn(32, 1, 8, 8), torch.randint(64, (32,))
    optim.zero_grad()
    loss = nn.functional.nll_loss(model(boards), moves)
    loss.backward()
    optim.step()
