"""Joins the JSON lines of both sides of the network benchmark into a table in Markdown. usage: compare-networks.py < LINES"""
import json, math, sys

rows = {}
for line in sys.stdin:
    entry = json.loads(line)
    for m in entry if isinstance(entry, list) else [entry]:
        rows.setdefault((m["threads"], m["batch"]), {}).setdefault(m["net"], {})[m.get("peer", "convolve")] = m["ms"]
peers = ["torch", "torch nhwc", "torch frozen", "onnxruntime", "openvino"]
for (threads, batch), networks in sorted(rows.items()):
    print(f"\n### {threads} thread{'s' if threads > 1 else ''}, batch {batch}: milliseconds\n")
    print("| network | convolve | " + " | ".join(peers) + " | fastest peer / convolve |")
    print("|---|" + "---|" * (len(peers) + 2))
    ratios = []
    for name, row in networks.items():
        if "convolve" not in row or len(row) < 2:
            continue
        ratios.append(min(row[p] for p in peers if p in row) / row["convolve"])
        figures = " | ".join(f"{row[p]:.3g}" if p in row else "" for p in peers)
        print(f"| {name} | {row['convolve']:.3g} | {figures} | {ratios[-1]:.2f} |")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"\nGeometric mean {mean:.2f}, least {min(ratios):.2f}; ahead on {sum(r >= 1 for r in ratios)} of {len(ratios)}.")
