"""Peak memory of one run, each runtime in a process of its own: prints one JSON object with MiB by runtime.

    python memory.py MODEL.colonnade DENSE.onnx

The peak is what the kernel saw resident (VmHWM): interpreter, libraries, model, weights as the runtime packs them,
data.
"""

from __future__ import annotations

import json
import subprocess
import sys

COLONNADE = """
import sys
import numpy as np
import colonnade
session = colonnade.Session(sys.argv[1])
"""
ONNXRUNTIME = """
import sys
import numpy as np
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
"""
RUN = """
shapes = {entry.name: [size if isinstance(size, int) else 1 for size in entry.shape] for entry in session.get_inputs()}
feeds = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
for _ in range(2):
    session.run(None, feeds)
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) / 1024)
"""


def peak_mib(code: str, model: str) -> float:
    """Peak resident memory of a process that runs `model` twice."""
    done = subprocess.run([sys.executable, "-c", code + RUN, model], stdout=subprocess.PIPE, text=True, check=True)
    return round(float(done.stdout), 1)


def main() -> None:
    """Both runtimes, one after the other."""
    ours, dense = sys.argv[1:]
    peaks = {"colonnade": peak_mib(COLONNADE, ours), "onnxruntime": peak_mib(ONNXRUNTIME, dense)}
    print(json.dumps({"model": ours, "peak_mib": peaks, "ratio": round(peaks["colonnade"] / peaks["onnxruntime"], 3)}))


if __name__ == "__main__":
    main()
