"""From the tensors of a framework to a net, shared by the readers of torch, ONNX and Keras."""
