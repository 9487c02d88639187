"""What supervisor and child say to each other.

The supervisor writes `spec.json` into the input folder and starts `python -m worker.child`. The child answers with one
JSON object a line on its standard output and leaves files in the output folder. Kappa comes through an inherited pipe,
never through a file, an argument or the environment.
"""

SPEC = "spec.json"
MODEL_FILE = "model"
DATASET_FILE = "dataset"

STATE = "state"  # in the input folder: what an earlier attempt left; in the output folder: what this one leaves
ARTIFACTS = "artifacts"

BOX_CHECKPOINT = "box.safetensors"
BOX_ONNX = "box.onnx"
BOX_INT8 = "box.int8.onnx"  # where the job asks for it
REPORT = "report.json"
REPORT_PAGE = "report.html"

# Kinds of lines, under the name "event".
PROGRESS = "progress"  # stage, done, total
METRICS = "metrics"  # stage, step, values
CHECKPOINT = "checkpoint"  # file: a name in the output folder's state/
DONE = "done"  # result
FAILED = "failed"  # code, detail
