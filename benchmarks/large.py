"""Does the size of the image matter? Fields of one unit, tables and checks on very large images, each in a process.

python benchmarks/large.py          prints a table: seconds of the processor and peak memory of the whole process
python benchmarks/large.py --field  the fields alone
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import convscope as cs
from machine import machine

UNET = """input {0}x{0}x3, 2*( conv 16 3x3 p1 relu ), a: id, maxpool 2, 2*( conv 32 3x3 p1 relu ), b: id, maxpool 2,
2*( conv 64 3x3 p1 relu ), convt 32 2x2 s2, cat( id | from b ), 2*( conv 32 3x3 p1 relu ),
convt 16 2x2 s2, cat( id | from a ), conv 16 3x3 p1"""
RESIDUAL = "input {0}x{0}x3, conv 8 7x7 s2 p3, {1}*( add( conv 8 3x3 p1 bn relu, conv 8 3x3 p1 bn | id ) relu )"
TOKENS = "input 8192x8192x3, conv 8 16x16 s16, rearrange a8xb512xc512:axbc, cat along1( const 1x8 | id )"
BLOCKS = "4*( add( id | ln, attention 2 ), add( id | conv 16 1 relu, conv 8 1 ) )"
DILATED = ", ".join(f"add( conv 16 2 d{2**at} p{2**at}:0 tanh, conv 16 1 | id )" for at in range(10))

NETS = {
    "U-Net, 512x512": UNET.format(512),
    "U-Net, 8192x8192": UNET.format(8192),
    "20 residual blocks, 8192x8192": RESIDUAL.format(8192, 20),
    "20 residual blocks and gap, 8192x8192": RESIDUAL.format(8192, 20) + ", gap, linear 9",
    "300 residual blocks, 8192x8192": RESIDUAL.format(8192, 300),
    "ViT with a class token, 8192x8192": f"{TOKENS}, {BLOCKS}, ln, crop 0:262144, linear 3",
    "3-D U-Net, 200x200x200": "input 200x200x200x1, e: 2*( conv 4 3 p1 ), maxpool 2, 2*( conv 4 3 p1 ), "
    "convt 4 2 s2, cat( id | from e ), 2*( conv 4 3 p1 )",
    "WaveNet, 2^20 samples": f"input 1048576x1, conv 16 1, 3*( {DILATED} ), conv 1 1",
    "plain net, 2^20 samples": "input 1048576x1, 10*( conv 8 9 p4 ), 5*( conv 8 4 s4 )",
}
QUESTIONS = ("field", "table", "check")


def ask(text: str, question: str) -> None:
    """One question, in this process: prints seconds and MiB."""
    net = cs.read(text)
    start = time.process_time()
    if question == "field":
        str(net.field())
    elif question == "table":
        net.table()
    else:
        cs.check(net)
    used = time.process_time() - start
    print(json.dumps([used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def answer(text: str, question: str) -> tuple[float, float]:
    """One question, in a process of its own."""
    command = [sys.executable, __file__, "--ask", question, "--net", text]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--field", action="store_true", help="the fields alone")
    parser.add_argument("--ask", choices=QUESTIONS, help=argparse.SUPPRESS)
    parser.add_argument("--net", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ask:
        ask(asked.net, asked.ask)
        return
    questions = QUESTIONS[:1] if asked.field else QUESTIONS
    print(machine("numpy"))
    print(f"\n| net | {' | '.join(f'{one} s | MiB' for one in questions)} |\n|---|{'---:|---:|' * len(questions)}")
    for name, text in NETS.items():
        cells = [f"{seconds:.2f} | {peak:.0f}" for seconds, peak in (answer(text, one) for one in questions)]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
