# rule: second-head
# link: https://github.com/Cadene/pretrained-models.pytorch/pull/34
from torch import nn
import torch


class MyAlex(nn.Module):
    def __init__(self):
        super().__init__()
        self.maps = nn.Sequential(
            nn.Conv2d(3, 48, 11, stride=4), nn.ReLU(True), nn.MaxPool2d(3, 2),
            nn.Conv2d(48, 96, 5, padding=2), nn.ReLU(True), nn.MaxPool2d(3, 2),
        )
        self.dense = nn.Sequential(
            nn.Linear(96 * 13 * 13, 1024), nn.ReLU(True), nn.Dropout(),
            nn.Linear(1024, 1000),  #-
            nn.Dropout(),  #-
            nn.Linear(1000, 10),  #-
            #+ nn.Linear(1024, 10),
        )

    def forward(self, x):
        x = self.maps(x)
        x = x.view(x.size(0), -1)
        return self.dense(x)


net = MyAlex()
answer = net(torch.rand(2, 3, 227, 227))
print(answer.shape)
