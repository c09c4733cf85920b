# rule: softmax-before-cross-entropy
# link: https://github.com/bkitano/llama-from-scratch/issues/5
from torch import nn
import torch.nn.functional as F


class TwoHeadNet(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.linear = nn.Sequential(nn.Linear(config["inputs"], 96), nn.ReLU(), nn.Linear(96, config["classes"]))

    def forward(self, x, targets=None):
        a = self.linear(x.flatten(1))
        logits = F.softmax(a, dim=-1)  #-
        #+ logits = a
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, 10), targets.view(-1))
            return logits, loss
        return logits


def run(batches, optimizer, net):
    for xs, ys in batches:
        optimizer.zero_grad(set_to_none=True)
        logits, loss = net(xs, targets=ys)
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    import torch
    from torchvision.datasets import MNIST
    from torchvision.transforms import ToTensor

    net = TwoHeadNet({"inputs": 784, "classes": 10})
    sgd = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    data = torch.utils.data.DataLoader(MNIST("d", transform=ToTensor()), 32, True)
    for _ in range(4):
        run(data, sgd, net)
