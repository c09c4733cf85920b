# rule: softmax-before-cross-entropy
# link: https://github.com/jindongwang/Deep-learning-activity-recognition/issues/10
import torch as t
import torchvision as tv


class Encoder(t.nn.Module):
    def __init__(self):
        super(Encoder, self).__init__()
        self.c1 = t.nn.Conv2d(3, 24, kernel_size=3, padding=1)
        self.c2 = t.nn.Conv2d(24, 48, kernel_size=3, padding=1, stride=2)
        self.pool = t.nn.AdaptiveAvgPool2d(1)

    def forward(self, img):
        h = t.relu(self.c1(img))
        h = t.relu(self.c2(h))
        return self.pool(h)


class Model(t.nn.Module):
    def __init__(self, encoder, n):
        super(Model, self).__init__()
        self.encoder = encoder
        self.proj = t.nn.Conv2d(48, n, 1)
        self.prob = t.nn.Softmax(dim=1)  #-

    def forward(self, img):
        z = self.proj(self.encoder(img))
        z = self.prob(z)  #-
        return z.squeeze(-1).squeeze(-1)


def fit(m, dl, epochs=2):
    opt = t.optim.RMSprop(m.parameters(), lr=3e-4)
    for e in range(epochs):
        for img, lab in dl:
            opt.zero_grad()
            t.nn.functional.cross_entropy(m(img), lab).backward()
            opt.step()


cifar = tv.datasets.CIFAR10(".", train=True, transform=tv.transforms.ToTensor())
fit(Model(Encoder(), 10), t.utils.data.DataLoader(cifar, batch_size=128, shuffle=True))
