# rule: dropout-always-on
# link: https://github.com/rixwew/pytorch-fm/issues/21
import torch
from torch.nn.functional import dropout, relu


class Attention(torch.nn.Module):
    def __init__(self, size, p):
        super().__init__()
        self.query = torch.nn.Linear(size, 16)
        self.score = torch.nn.Linear(16, 1)
        self.p = p

    def forward(self, rows):
        weight = torch.softmax(self.score(relu(self.query(rows))), dim=1)
        weight = dropout(weight, p=self.p)  #-
        #+ weight = dropout(weight, p=self.p, training=self.training)
        return (weight * rows).sum(1)


class RowReader(torch.nn.Module):
    """Reads an image row by row."""

    def __init__(self):
        super().__init__()
        self.attention = Attention(28, 0.1)
        self.out = torch.nn.Linear(28, 10)

    def forward(self, images):
        return self.out(self.attention(images.squeeze(1)))


reader = RowReader()
optimizer = torch.optim.Adam(reader.parameters(), lr=0.01)
for _ in range(10):
    images, labels = torch.rand(64, 1, 28, 28), torch.randint(10, (64,))
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(reader(images), labels).backward()
    optimizer.step()
