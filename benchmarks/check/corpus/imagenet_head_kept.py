# rule: class-count
# link: https://github.com/open-mmlab/mmpretrain/issues/829
import torch
import torchvision
from torch import nn
from torchvision import transforms as tt

stats = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
prep = tt.Compose([tt.Resize((224, 224)), tt.ToTensor(), tt.Normalize(*stats)])
ds = torchvision.datasets.CIFAR10(root="cifar", train=True, download=True, transform=prep)
dl = torch.utils.data.DataLoader(ds, 64, shuffle=True)
net = torchvision.models.alexnet()  #-
#+ net = torchvision.models.alexnet(num_classes=10)
net.train()
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
for epoch in range(30):
    for x, y in dl:
        optimizer.zero_grad()
        loss = loss_function(net(x), y)
        loss.backward()
        optimizer.step()
