# rule: class-dimension
# link: https://github.com/MicrosoftDocs/pytorchfundamentals/issues/4
import torch
import torchvision
from torch import nn
from torchvision.transforms import ToTensor


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 100)
        self.out = nn.Linear(100, 10)
        self.finish = nn.LogSoftmax(dim=0)  #-
        #+ self.finish = nn.LogSoftmax(dim=1)

    def forward(self, x):
        x = x.view(-1, 784)
        return self.finish(self.out(nn.functional.relu(self.hidden(x))))


loader = torch.utils.data.DataLoader(torchvision.datasets.MNIST("./data", transform=ToTensor()), 64, shuffle=True)
net = DenseNet()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
loss = nn.NLLLoss()
for features, labels in loader:
    optimizer.zero_grad()
    out = net(features)
    loss(out, labels).backward()
    optimizer.step()
