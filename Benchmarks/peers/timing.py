"""How long calls take."""
import statistics, time


def median_ms(run, seconds):
    """The median of calls in milliseconds, after two that are not counted."""
    for _ in range(2):
        run()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)
