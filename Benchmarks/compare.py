"""One table of our times and the peers', from JSON lines on standard input; then the ratios."""
import json, math, sys

ours, peers, peaks, tiles = {}, {}, [], {}
for line in sys.stdin:
    row = json.loads(line)
    if "peak" in row:
        peaks.append(row["peak"])
    elif "tile" in row:
        tiles[row["tile"]] = row["gflops"]
    elif "peer" in row:
        peers.setdefault((row["threads"], row["filter"]), {})[row["peer"]] = row["ms"]
    else:
        ours[(row["threads"], row["filter"])] = row
peak = max(peaks)
print(f"Peak of one core, measured in this run: {peak:.0f} GFLOP/s\n")
print("Direct register tiles alone, in the second-level cache, one core: "
      + ", ".join(f"{size} {gflops:.0f} GFLOP/s ({100 * gflops / peak:.0f} %)" for size, gflops in tiles.items()) + "\n")
names = sorted({name for row in peers.values() for name in row})
for threads in sorted({key[0] for key in ours}):
    print(f"### {threads} thread{'s' if threads > 1 else ''}, 3840x2160, median ms\n")
    print("| filter | convolve | " + " | ".join(names) + " | fastest peer / convolve | method | % of peak |")
    print("|---" * (5 + len(names)) + "|")
    ratios = []
    for (count, name), row in ours.items():
        if count != threads:
            continue
        others = peers.get((threads, name), {})
        ratio = min(others.values()) / row["ms"] if others else float("nan")
        ratios.append(ratio)
        cells = [f"{others[peer]:.2f}" if peer in others else "" for peer in names]
        share = 100 * row["gflops"] / (peak * threads)
        print(f"| {name} | {row['ms']:.2f} | " + " | ".join(cells)
              + f" | {ratio:.2f} | {row['method']} | {share:.0f} |")
    ratios = [ratio for ratio in ratios if not math.isnan(ratio)]
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"\nGeometric mean {mean:.2f}, least {min(ratios):.2f}, of {len(ratios)} filters.\n")
