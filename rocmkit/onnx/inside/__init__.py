"""What runs in the interpreter that has `onnx` and `onnxruntime`, to rewrite a model."""
