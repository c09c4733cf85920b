# rule: dropout-on-logits
# link: https://github.com/diningphil/gnn-comparison/issues/14
import torch
import torch.nn.functional as nnf


class Readout(torch.nn.Module):
    def __init__(self, hidden=32, rate=0.5):
        super().__init__()
        self.rate = rate
        self.embed = torch.nn.Conv2d(3, hidden, 3, stride=2)
        self.norm = torch.nn.BatchNorm2d(hidden)
        self.read = torch.nn.Linear(hidden * 15 * 15, 10)

    def forward(self, pictures):
        h = nnf.relu(self.norm(self.embed(pictures)))
        h = nnf.dropout(h, self.rate, training=self.training)
        score = self.read(torch.flatten(h, start_dim=1))
        score = nnf.dropout(score, self.rate, training=self.training)  #-
        return nnf.log_softmax(score, dim=-1)


def learn(model, stream, opt):
    model.train()
    for pictures, kinds in stream:
        opt.zero_grad()
        nnf.nll_loss(model(pictures), kinds).backward()
        opt.step()


if __name__ == "__main__":
    from torchvision.datasets import CIFAR10
    from torchvision.transforms import ToTensor

    m = Readout()
    s = torch.utils.data.DataLoader(CIFAR10("c", train=True, transform=ToTensor()), batch_size=50, shuffle=True)
    learn(m, s, torch.optim.Adam(m.parameters(), lr=1e-3))
