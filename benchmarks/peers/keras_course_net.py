"""The course's usual net in Keras, as its students train it. Run by time_to_accuracy.py in an environment of its own.

Reads an npz file of uint8 images and labels, prints one JSON line after each epoch: seconds of training so far (the
tests between epochs are not counted) and loss and accuracy on the test set.
"""

import json
import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers


def model() -> keras.Model:
    """32 3x3, 32 3x3, pool, 32 3x3, pool, 10 1x1, 10 5x5 linear, softmax: 21,656 parameters."""
    net = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(10, (1, 1), activation="relu"),
            layers.Conv2D(10, (5, 5)),
            layers.Flatten(),
            layers.Activation("softmax"),
        ]
    )
    net.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(1e-3), metrics=["accuracy"])
    return net


def main() -> None:
    """Train for as many epochs as asked: DATA.npz EPOCHS SEED."""
    data, epochs, seed = np.load(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    keras.utils.set_random_seed(seed)
    x, test = (data[f"{split}_images"].reshape(-1, 28, 28, 1).astype("float32") / 255 for split in ("train", "test"))
    y, truth = (keras.utils.to_categorical(data[f"{split}_labels"], 10) for split in ("train", "test"))
    net, seconds = model(), 0.0
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        net.fit(x, y, batch_size=32, epochs=1, verbose=0)
        seconds += time.perf_counter() - start
        loss, accuracy = net.evaluate(test, truth, verbose=0)
        line = {"epoch": epoch, "seconds": seconds, "loss": loss, "accuracy": accuracy, "params": net.count_params()}
        print(json.dumps(line), flush=True)


main()
