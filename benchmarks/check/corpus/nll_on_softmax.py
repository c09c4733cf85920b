# rule: nll-without-log-softmax
# link: https://github.com/AnubhavGupta3377/Text-Classification-Models-Pytorch/issues/9
import torch
from torch import nn
from torchvision import datasets, transforms

layers = []
for a, b in [(784, 256), (256, 64)]:
    layers += [nn.Linear(a, b), nn.ReLU()]
layers.append(nn.Linear(64, 10))
layers.append(nn.Softmax(dim=1))  #-
#+ layers.append(nn.LogSoftmax(dim=1))
net = nn.Sequential(nn.Flatten(), *layers)

nll = nn.NLLLoss()
adam = torch.optim.Adam(net.parameters())
source = torch.utils.data.DataLoader(datasets.KMNIST("k", transform=transforms.ToTensor()), batch_size=64, shuffle=True)
for images, targets in source:
    adam.zero_grad()
    value = nll(net(images), targets)
    value.backward()
    adam.step()
