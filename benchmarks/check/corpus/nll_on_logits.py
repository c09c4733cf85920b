# rule: nll-without-log-softmax
# link: https://github.com/pytorch/pytorch/pull/12703
import torch
import torch.nn.functional as F
from torchvision.datasets import MNIST
from torchvision.transforms import Compose, Normalize, ToTensor


class ConvNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = torch.nn.Conv2d(10, 20, kernel_size=5)
        self.fc1 = torch.nn.Linear(320, 50)
        self.fc2 = torch.nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = x.view(-1, 320)
        x = F.relu(self.fc1(x))
        x = self.fc2(x)
        return x  #-
        #+ return F.log_softmax(x, dim=1)


def epoch(model, device, loader, optimizer):
    model.train()
    for batch_idx, (data, target) in enumerate(loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        if batch_idx % 10 == 0:
            print("loss {:.4f}".format(loss.item()))


def main():
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pre = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])
    loader = torch.utils.data.DataLoader(MNIST("../data", train=True, download=True, transform=pre), 64, shuffle=True)
    model = ConvNet().to(device)
    epoch(model, device, loader, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5))


if __name__ == "__main__":
    main()
