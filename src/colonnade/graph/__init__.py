"""The graph: its operators, the ONNX importer, the passes that rewrite it and the numpy executor."""
