"""Open Inference Protocol V2 with the binary tensor data extension: KServe's and Triton's clients ask boxes by it."""
