"""alexlab: the family of the first deep convolutional networks, LeNet to AlexNet, as software that works."""

__version__ = "0.1.0"
