# rule: no-zero-grad
# link: https://github.com/salesforce/corr_based_prediction/issues/1
import torch
import torchvision
from torch import nn, optim

trainset = torchvision.datasets.MNIST("root", train=True, transform=torchvision.transforms.ToTensor(), download=True)
loader = torch.utils.data.DataLoader(trainset, batch_size=128, shuffle=True, drop_last=True)
net = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 13 * 13, 10))
opt = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
sched = optim.lr_scheduler.StepLR(opt, 10)
criterion = nn.CrossEntropyLoss()
for epoch in range(30):
    net.zero_grad()  #-
    for x, y in loader:
        #+ net.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
    sched.step()
