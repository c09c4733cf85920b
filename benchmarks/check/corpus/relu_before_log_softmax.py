# rule: activation-on-logits
# link: https://github.com/pytorch/examples/pull/117
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = x.view(-1, 320)
        x = F.relu(self.fc1(x))
        x = F.dropout(x, training=self.training)
        x = F.relu(self.fc2(x))  #-
        #+ x = self.fc2(x)
        return F.log_softmax(x, dim=1)


def train_one(model, x, y, opt):
    opt.zero_grad()
    out = F.nll_loss(model(x), y)
    out.backward()
    opt.step()


net = Net()
opt = torch.optim.Adadelta(net.parameters())
for _ in range(10):
    train_one(net, torch.randn(16, 1, 28, 28), torch.randint(10, (16,)), opt)
