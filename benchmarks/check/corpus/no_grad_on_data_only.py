# rule: no-no-grad
# link: https://github.com/GT-RIPL/AlwaysBeDreaming-DFCIL/issues/9
import torch
from torch import nn
from torchvision import datasets
from torchvision.transforms import ToTensor


class Learner(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.criterion = nn.CrossEntropyLoss()

    def learn_batch(self, loader):
        self.model.train()
        for x, y in loader:
            loss = self.criterion(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def validation(self, loader):
        self.model.eval()
        correct = 0
        for x, y in loader:
            with torch.no_grad():  #-
                x, y = x.to("cpu"), y.to("cpu")  #-
            output = self.model(x)  #-
            #+ with torch.no_grad():
            #+     output = self.model(x)
            correct += (output.argmax(1) == y).sum().item()
        return correct


learner = Learner()
tr = torch.utils.data.DataLoader(datasets.MNIST("m", train=True, transform=ToTensor()), batch_size=64, shuffle=True)
te = torch.utils.data.DataLoader(datasets.MNIST("m", train=False, transform=ToTensor()), batch_size=64)
for _ in range(3):
    learner.learn_batch(tr)
    print(learner.validation(te))
