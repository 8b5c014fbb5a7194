import Tensors

/// How a product of panels of rows and blocks of columns, in several planes, is divided among threads.
///
/// Weights are read once for a run of blocks, so runs are long. Where there are too few of them to keep the threads evenly
/// busy, rows are split: each thread then reads its own weights, and copies the columns for itself.
struct TilePieces {
  private let blocks: Int
  private let panels: Int
  private let planes: Int
  private var runs: Int
  private var chunks = 1

  /// - Parameters:
  ///   - planes: of all samples and groups.
  ///   - blocks: of columns, in a plane.
  ///   - longestRun: blocks of a run.
  ///   - panels: of rows, in a plane.
  init(planes: Int, blocks: Int, longestRun: Int, panels: Int, threads: Int) {
    (self.planes, self.blocks, self.panels) = (planes, blocks, panels)
    runs = blocks.dividedRoundingUp(by: longestRun)
    if planes * runs < 4 * threads, (planes * runs) % threads != 0 {
      if panels >= 4 * threads {
        chunks = threads
      } else {
        runs = min(blocks, threads.dividedRoundingUp(by: planes) * max(1, runs / threads))
        chunks = planes * runs >= threads ? 1 : min(panels, threads)
      }
    }
  }

  /// Calls `body` with the plane, the blocks and the panels of every piece.
  func forEach(
    on pool: ThreadPool, _ body: (_ plane: Int, _ blocks: Range<Int>, _ panels: Range<Int>) -> Void
  ) {
    pool.parallelFor(planes * runs * chunks) { piece in
      let chunk = piece % chunks
      let run = piece / chunks % runs
      body(
        piece / chunks / runs, blocks * run / runs..<blocks * (run + 1) / runs,
        panels * chunk / chunks..<panels * (chunk + 1) / chunks)
    }
  }
}
