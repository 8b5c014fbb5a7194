"""One table of our times and the peers' for each number of threads, from JSON lines on standard input."""
import json, math, sys

ours, peers = {}, {}
for line in sys.stdin:
    row = json.loads(line)
    if "peer" in row:
        peers.setdefault((row["threads"], row["size"]), {})[row["peer"]] = row
    else:
        ours[(row["threads"], row["size"])] = row
for threads in sorted({key[0] for key in ours}):
    for title, field, wanted in [("real to complex", "ms", False), ("complex to real", "inverse", False), ("templates on 3840x2160", "ms", True)]:
        sizes = [s for t, s in ours if t == threads and s.startswith("match") == wanted]
        names = sorted({n for s in sizes for n in peers[(threads, s)]})
        print(f"### {title}, {threads} thread{'s' if threads > 1 else ''}, median ms\n")
        print("| size | convolve | " + " | ".join(names) + " | fastest peer / convolve |")
        print("|---" * (3 + len(names)) + "|")
        ratios = []
        for size in sizes:
            mine = ours[(threads, size)][field]
            others = {n: r[field] for n, r in peers[(threads, size)].items()}
            ratios.append(min(others.values()) / mine)
            print(f"| {size.removeprefix('match ')} | {mine:.3g} | " + " | ".join(f"{others[n]:.3g}" for n in names) + f" | {ratios[-1]:.2f} |")
        print(f"\nGeometric mean {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}, least {min(ratios):.2f}.\n")
