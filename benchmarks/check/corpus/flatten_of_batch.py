# rule: flatten-takes-batch
# link: https://github.com/karpathy/neuraltalk2/issues/90
import torch
from torch import nn


class Captioner(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(3, 32, 3, 2), nn.ReLU(), nn.Conv2d(32, 64, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(7))
        self.fc = nn.Sequential(nn.Linear(64 * 7 * 7, 256), nn.ReLU(), nn.Linear(256, 100))

    def forward(self, image):
        maps = self.cnn(image)
        vector = maps.view(-1)  #-
        #+ vector = maps.view(maps.size(0), -1)
        return self.fc(vector)


model = Captioner()
optimizer = torch.optim.Adam(model.parameters())
for _ in range(3):
    batch, word = torch.rand(16, 3, 224, 224), torch.randint(100, (16,))
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(batch), word).backward()
    optimizer.step()
