"""Where the operators of an ONNX model run, by a real profile."""
