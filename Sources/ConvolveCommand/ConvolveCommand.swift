import ArgumentParser
import Convolve

@main
struct ConvolveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convolve",
    abstract: "Convolution for photographs and networks.",
    discussion: """
      Examples:
        convolve filter photo.jpg --kernel sobel -o edges.png
        convolve filter photos/ --kernel gaussian:sigma=2 --out-dir blurred
        convolve kernels show gabor:theta=45
        convolve size --input 3x224x224 --kernel 7 --stride 2 --padding 3
        convolve receptive-field 11s4p2 3s2 5p2 3s2 3*3p1 3s2
        convolve bench resnet50 --svg roofline.svg
        convolve train --model lenet5 --data /usr/share/datasets/fashion-mnist --out run
        convolve evaluate run --confusion confusion.png
        convolve models fetch efficientnet_lite0
        convolve predict efficientnet_lite0 cat.jpg
        convolve summary resnet50
        convolve search query shoe.png --index fashion.sqlite --sheet alike.png
        convolve match photo.jpg eye.png -o found.png
        convolve spectrum photo.jpg --kernel gaussian:sigma=2 -o spectrum.png
        convolve frequency photo.jpg --low-pass 0.1 -o soft.png
        convolve series sales.csv --arima 1,1,1 --forecast 12 --plot forecast.svg

      Shell completions: convolve --generate-completion-script bash|zsh|fish

      Environment: CONVOLVE_THREADS, the number of threads; CONVOLVE_ISA, avx512,
      avx2 or baseline; NO_COLOR.
      Exit codes: 0 ok, 1 failed, 2 some inputs failed, 64 wrong usage.
      """,
    version: "0.1.0",
    subcommands: [
      FilterCommand.self, KernelsCommand.self, SizeCommand.self, ReceptiveFieldCommand.self,
      BenchCommand.self, TrainCommand.self, EvaluateCommand.self, PredictCommand.self,
      FeaturesCommand.self, ExplainClassCommand.self, SummaryCommand.self, ModelsCommand.self,
      ConvertCommand.self, SearchCommand.self, MatchCommand.self,
      SpectrumCommand.self, FrequencyCommand.self, DiffuseCommand.self, StochasticCommand.self,
      SeriesCommand.self,
    ]
  )

  static func main() {
    do {
      // Before anything runs, so that a wrong setting is a message and not a trap.
      _ = try InstructionSet.resolve(environment("CONVOLVE_ISA"))
      _ = try ThreadPool.threadCount(from: environment("CONVOLVE_THREADS"))
    } catch {
      Terminal.error("\(error)")
      exit(withError: ExitCode(64))
    }
    main(nil)
  }
}
