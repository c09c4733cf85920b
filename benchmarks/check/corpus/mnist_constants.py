# rule: other-normalisation
# link: https://github.com/keon/3-min-pytorch/issues/26
import torch
import torch.nn.functional as F
from torchvision import datasets, transforms

BATCH_SIZE = 64
train_loader = torch.utils.data.DataLoader(
    datasets.FashionMNIST("./.data", train=True, download=True, transform=transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize((0.1307,), (0.3081,)),  #-
        #+ transforms.Normalize((0.2860,), (0.3530,)),
    ])), batch_size=BATCH_SIZE, shuffle=True)


class Net(torch.nn.Module):
    def __init__(self, dropout_p=0.2):
        super(Net, self).__init__()
        self.fc1 = torch.nn.Linear(784, 256)
        self.fc2 = torch.nn.Linear(256, 10)
        self.dropout_p = dropout_p

    def forward(self, x):
        x = x.view(-1, 784)
        x = F.dropout(F.relu(self.fc1(x)), training=self.training, p=self.dropout_p)
        return self.fc2(x)


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(1, 51):
    model.train()
    for data, target in train_loader:
        optimizer.zero_grad()
        F.cross_entropy(model(data), target).backward()
        optimizer.step()
