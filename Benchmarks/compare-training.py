"""A table of training steps from JSON lines: median milliseconds of each side's fastest round, the ratio to the faster PyTorch, and the growth of each
process's memory over what it held before the network was built."""
import json, math, sys
rows = {}
for line in sys.stdin:
    r = json.loads(line)
    sides = rows.setdefault((r["train"], r["batch"]), {})
    known = sides.get(r["peer"])
    if known is None or r["ms"] < known["ms"]: sides[r["peer"]] = r
print("| network | batch | convolve ms | torch ms | torch nhwc ms | torch / convolve | convolve MiB | torch MiB |")
print("|---|---|---|---|---|---|---|---|")
ratios = []
for (name, batch), r in rows.items():
    ours, first, last = r["convolve"], r["torch"], r["torch nhwc"]
    ratio = min(first["ms"], last["ms"]) / ours["ms"]
    ratios.append(ratio)
    print(f"| {name} | {batch} | {ours['ms']:.2f} | {first['ms']:.2f} | {last['ms']:.2f} | {ratio:.2f} | "
          f"{ours['grown_bytes'] / 2**20:.0f} | {first['grown_bytes'] / 2**20:.0f} |")
print(f"\nGeometric mean {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}, least {min(ratios):.2f}.")
