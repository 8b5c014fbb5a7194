"""Makes a table in Markdown of the network benchmark's JSON lines. usage: compare-networks.py < LINES"""
import json, math, sys

rows = {}
for line in sys.stdin:
    m = json.loads(line)
    rows.setdefault((m["threads"], m["batch"]), {}).setdefault(m["net"], {})[m["side"]] = m["ms"]
peers = ["torch", "torch nhwc", "torch frozen", "onnxruntime", "openvino"]
for (threads, batch), networks in sorted(rows.items()):
    print(f"\n### {threads} thread{'s' if threads > 1 else ''}, batch {batch}: milliseconds\n")
    print("| network | convolve | " + " | ".join(peers) + " | fastest peer / convolve |")
    print("|---|" + "---|" * (len(peers) + 2))
    ratios = []
    for name, row in networks.items():
        ratios.append(min(row[p] for p in peers) / row["convolve"])
        figures = " | ".join(f"{row[p]:.3g}" for p in peers)
        print(f"| {name} | {row['convolve']:.3g} | {figures} | {ratios[-1]:.2f} |")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"\nGeometric mean {mean:.2f}, least {min(ratios):.2f}; ahead on {sum(r >= 1 for r in ratios)} of {len(ratios)}.")
