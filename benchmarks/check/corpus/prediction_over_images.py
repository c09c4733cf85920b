# rule: class-dimension
# link: https://github.com/falloutdurham/beginners-pytorch-deep-learning/pull/36
import torch
import torch.nn as nn
import torch.optim as optim
from torchvision import datasets, transforms


class SimpleNet(nn.Module):
    def __init__(self):
        super(SimpleNet, self).__init__()
        self.fc1 = nn.Linear(12288, 84)
        self.fc2 = nn.Linear(84, 50)
        self.fc3 = nn.Linear(50, 2)

    def forward(self, x):
        x = x.view(-1, 12288)
        x = torch.relu(self.fc1(x))
        x = torch.relu(self.fc2(x))
        return self.fc3(x)


img = transforms.Compose([transforms.Resize((64, 64)), transforms.ToTensor(),
                          transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])])
train_loader = torch.utils.data.DataLoader(datasets.ImageFolder("./train", img), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(datasets.ImageFolder("./val", img), batch_size=64)
net = SimpleNet()
optimizer = optim.Adam(net.parameters(), lr=0.001)
for epoch in range(5):
    net.train()
    for inputs, targets in train_loader:
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(net(inputs), targets)
        loss.backward()
        optimizer.step()
    net.eval()
    good = 0
    with torch.no_grad():
        for inputs, targets in val_loader:
            prediction = net(inputs).argmax(dim=0)  #-
            #+ prediction = net(inputs).argmax(dim=1)
            good += prediction.numel()
    print(epoch, good)
