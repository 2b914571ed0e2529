"""From the tensors of a framework to a net: what the readers of torch, ONNX and Keras share."""
