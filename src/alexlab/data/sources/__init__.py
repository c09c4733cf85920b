"""Where images come from: IDX, CIFAR, folders, lists, tars, ILSVRC; one reader a format."""
