"""ONNX files: read without a library, judged for a provider, and rewritten where that is right."""
