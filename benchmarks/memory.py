"""Peak memory of one run, each runtime in a process of its own: prints one JSON object with MiB by runtime.

    python memory.py MODEL.colonnade DENSE.onnx
    python memory.py SEVERAL.colonnade ONE.colonnade

The peak is what the kernel saw resident (VmHWM): interpreter, libraries, model, weights as the runtime packs them,
data. The second form compares a file of several shapes with a file of the first of them, which both run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

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


def peak_mib(code: str, model: Path) -> float:
    """Peak resident memory of a process that runs `model` twice. Exits with what that process says if it fails."""
    done = subprocess.run([sys.executable, "-c", code + RUN, model], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {model}: {(done.stderr.strip().splitlines() or ['died'])[-1]}")
    return round(float(done.stdout), 1)


def main() -> None:
    """Both files, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("compiled", type=Path, metavar="MODEL.colonnade")
    parser.add_argument("other", type=Path, metavar="DENSE.onnx|ONE.colonnade")
    given = parser.parse_args()
    for path in (given.compiled, given.other):
        if not path.is_file():
            parser.error(f"{path}: no such file")
    name, code = ("one shape", COLONNADE) if given.other.suffix == ".colonnade" else ("onnxruntime", ONNXRUNTIME)
    peaks = {"colonnade": peak_mib(COLONNADE, given.compiled), name: peak_mib(code, given.other)}
    ratio = round(peaks["colonnade"] / peaks[name], 3)
    print(json.dumps({"model": str(given.compiled), "peak_mib": peaks, "ratio": ratio}))


if __name__ == "__main__":
    main()
