# rule: no-shuffling
# link: https://github.com/jiecaoyu/XNOR-Net-PyTorch/issues/38
import torch
import torchvision
import torchvision.transforms as tr

train = torchvision.datasets.CIFAR10("x", train=True, download=True, transform=tr.Compose([tr.RandomCrop(32, 4), tr.ToTensor()]))
train_loader = torch.utils.data.DataLoader(train, batch_size=128, shuffle=False, num_workers=2)  #-
#+ train_loader = torch.utils.data.DataLoader(train, batch_size=128, shuffle=True, num_workers=2)
model = torchvision.models.resnet18(num_classes=10)
opt = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = torch.nn.CrossEntropyLoss()
for epoch in range(320):
    model.train()
    for data, target in train_loader:
        opt.zero_grad()
        criterion(model(data), target).backward()
        opt.step()
