# rule: loss-keeps-graph
# link: https://github.com/samuelyu2002/ImVisible/issues/2
import torch
from torch import nn
from torchvision import datasets, transforms

loader = torch.utils.data.DataLoader(
    datasets.FashionMNIST("fm", transform=transforms.ToTensor()), batch_size=32, shuffle=True)
net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(576, 10))
ce = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
for epoch in range(10):
    running_loss = 0.0
    running_parts = 0
    for i, data in enumerate(loader):
        images, labels = data
        optimizer.zero_grad()
        outputs = net(images)
        cross_entropy = ce(outputs, labels)
        cross_entropy.backward()
        optimizer.step()
        running_loss += cross_entropy  #-
        #+ running_loss += cross_entropy.item()
        running_parts += 1
        if i % 100 == 99:
            print("loss: {}".format(running_loss / running_parts))
