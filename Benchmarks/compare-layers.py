"""Joins the JSON lines of both sides of the layer benchmark into a table in Markdown. usage: compare-layers.py < LINES"""
import json, math, sys

rows, peaks = {}, {}
for line in sys.stdin:
    entry = json.loads(line)
    if "machine" in entry:
        peaks[entry["machine"]["threads"]] = entry["machine"]["peak"]
        entries = [dict(m, convolve=round(m["rate"], 1), method=m["algorithm"]) for m in entry["layers"]]
    else:
        entries = [entry]
    for entry in entries:
        key = entry["threads"], entry["batch"], entry["layer"]
        rows.setdefault(key, {}).update({k: v for k, v in entry.items() if k not in ("threads", "batch", "layer")})
peers = ["torch", "torch nhwc", "onnxruntime", "openvino"]
for threads, batch in sorted({key[:2] for key in rows}):
    print(f"\n### {threads} thread{'s' if threads > 1 else ''}, batch {batch}: GFLOP/s of direct convolution\n")
    print("| layer | convolve | " + " | ".join(peers) + " | convolve / fastest peer | method | % of peak |")
    print("|---|" + "---|" * (len(peers) + 4))
    ratios = []
    for (t, b, name), row in rows.items():
        if (t, b) != (threads, batch) or "convolve" not in row or "torch" not in row:
            continue
        ratio = row["convolve"] / max(row[p] for p in peers if p in row)
        ratios.append(ratio)
        figures = " | ".join(str(row.get(p, "")) for p in peers)
        print(f"| {name} | {row['convolve']} | {figures} | {ratio:.2f} | {row['method']} | "
              f"{100 * row['convolve'] / peaks[threads]:.0f} |")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    ahead = sum(r >= 1 for r in ratios)
    print(f"\nGeometric mean {mean:.2f}, least {min(ratios):.2f}; ahead on {ahead} of {len(ratios)} layers. "
          f"Peak measured in this run: {peaks[threads]:.0f} GFLOP/s.")
