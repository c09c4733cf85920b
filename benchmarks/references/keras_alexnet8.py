"""The Keras tutorial's AlexNet8 on CIFAR-10's shapes: prints the images per second of one epoch, data included.

    .bench/keras/bin/python benchmarks/references/keras_alexnet8.py IMAGES

Random pixels and labels in memory, as the tutorial's arrays are; speed does not depend on what they show. Network and
optimiser as the tutorial has them: batch normalisation after conv1 and conv2, Adam, batch 32.
"""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from keras import layers


def alexnet8() -> "keras.Model":
    return keras.Sequential([
        keras.Input((32, 32, 3)),
        layers.Conv2D(96, 3), layers.BatchNormalization(), layers.Activation("relu"), layers.MaxPool2D(3, strides=2),
        layers.Conv2D(256, 3), layers.BatchNormalization(), layers.Activation("relu"), layers.MaxPool2D(3, strides=2),
        layers.Conv2D(384, 3, padding="same", activation="relu"),
        layers.Conv2D(384, 3, padding="same", activation="relu"),
        layers.Conv2D(256, 3, padding="same", activation="relu"), layers.MaxPool2D(3, strides=2),
        layers.Flatten(),
        layers.Dense(2048, activation="relu"), layers.Dropout(0.5),
        layers.Dense(2048, activation="relu"), layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def main() -> None:
    images = int(sys.argv[1])
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (images, 32, 32, 3)).astype("float32") / 255
    labels = random.integers(0, 10, images)
    model = alexnet8()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(pixels[:128], labels[:128], batch_size=32, verbose=0)  # builds the graph
    began = time.perf_counter()
    model.fit(pixels, labels, batch_size=32, epochs=1, verbose=0)
    print(images / (time.perf_counter() - began), model.count_params())


if __name__ == "__main__":
    main()
