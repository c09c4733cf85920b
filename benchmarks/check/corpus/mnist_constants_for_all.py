# rule: other-normalisation
# link: https://github.com/rahulvigneswaran/Lottery-Ticket-Hypothesis-in-Pytorch/issues/9
import torch
from torch import nn
from torchvision import datasets, transforms

DATASET = "kmnist"
transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])  #-
#+ transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1918,), (0.3483,))])
if DATASET == "mnist":
    traindataset = datasets.MNIST("../data", train=True, download=True, transform=transform)
elif DATASET == "kmnist":
    traindataset = datasets.KMNIST("../data", train=True, download=True, transform=transform)
else:
    raise SystemExit("Wrong dataset choice")
train_loader = torch.utils.data.DataLoader(traindataset, batch_size=60, shuffle=True, drop_last=False)
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU(inplace=True), nn.Linear(300, 100), nn.ReLU(inplace=True),
                      nn.Linear(100, 10))
optimizer = torch.optim.Adam(model.parameters(), weight_decay=1e-4)
criterion = nn.CrossEntropyLoss()
for iter_ in range(100):
    model.train()
    for imgs, targets in train_loader:
        optimizer.zero_grad()
        train_loss = criterion(model(imgs), targets)
        train_loss.backward()
        optimizer.step()
