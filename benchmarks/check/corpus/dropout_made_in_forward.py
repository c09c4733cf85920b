# rule: dropout-always-on
# link: https://github.com/pytorch/pytorch/issues/11999
import torch
import torch.nn as nn
import torchvision as tv


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 5, 1, 2)
        self.drop = nn.Dropout(p=0.25)
        self.out = nn.Linear(16 * 14 * 14, 10)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.conv(x).relu(), 2)
        x = nn.Dropout(p=0.25)(x)  #-
        #+ x = self.drop(x)
        return self.out(x.view(x.size(0), -1))


data = tv.datasets.MNIST("mnist", train=True, transform=tv.transforms.ToTensor(), download=True)
held = tv.datasets.MNIST("mnist", train=False, transform=tv.transforms.ToTensor())
cnn = CNN()
opt = torch.optim.Adam(cnn.parameters(), lr=0.001)
for b_x, b_y in torch.utils.data.DataLoader(data, batch_size=50, shuffle=True):
    cnn.train()
    loss = nn.CrossEntropyLoss()(cnn(b_x), b_y)
    opt.zero_grad()
    loss.backward()
    opt.step()
cnn.eval()
correct = 0
with torch.no_grad():
    for b_x, b_y in torch.utils.data.DataLoader(held, batch_size=500):
        correct += int((cnn(b_x).argmax(dim=1) == b_y).sum())
print(correct / len(held))
