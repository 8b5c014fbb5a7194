"""How long calls take."""
import statistics, time


def median_ms(run, seconds, warmups=2, least=5):
    """The median of calls in milliseconds, after some that are not counted."""
    for _ in range(warmups):
        run()
    times, end = [], time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)
