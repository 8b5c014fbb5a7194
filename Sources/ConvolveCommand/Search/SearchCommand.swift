import ArgumentParser
import Convolve
import Foundation

struct SearchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "search",
    abstract: "Finds images that look alike, by the codes of an autoencoder.",
    discussion: """
      Examples:
        convolve train --model autoencoder --sobel --data /usr/share/datasets/fashion-mnist --out coder
        convolve search index /usr/share/datasets/fashion-mnist --model coder --index fashion.sqlite
        convolve search query shoe.png --index fashion.sqlite --sheet alike.png
        convolve search precision --index fashion.sqlite
      """,
    subcommands: [IndexCommand.self, QueryCommand.self, PrecisionCommand.self])
}

/// Codes of images, as an index describes them.
private struct Coder {
  private let program: Program?
  private let description: SearchIndex.Description
  let batchSize: Int

  init(_ description: SearchIndex.Description, batchSize: Int) throws {
    (self.description, self.batchSize) = (description, batchSize)
    guard let model = description.model else {
      program = nil
      return
    }
    let run = try RunDescription(folder: model)
    guard let network = try run.network() as? ConvolutionalAutoencoder else {
      throw FileError(model, "holds a \(run.model), not an autoencoder; train one with --model autoencoder")
    }
    let graph = Graph(network)
    let images = graph.input("images", Shape([batchSize] + description.imageShape))
    program = try Program(graph, outputs: [try network.encoder(images)])
    try program!.load(try Safetensors(path: "\(model)/best.safetensors").state)
  }

  /// The codes of up to a batch of images, 0 to 1: one row each.
  func codes(_ images: Tensor<Float>) throws -> [ArraySlice<Float>] {
    let (count, size) = (images.shape[0], images.shape.count / max(1, images.shape[0]))
    guard let program else {
      let scalars = images.scalars
      return (0..<count).map { scalars[$0 * size..<($0 + 1) * size] }
    }
    let padded = images.scalars + [Float](repeating: 0, count: (batchSize - count) * size)
    let codes = try program.run(["images": Tensor(padded, shape: Shape([batchSize] + description.imageShape))]
    )[0]
    let (scalars, length) = (codes.scalars, codes.shape[1])
    return (0..<count).map { scalars[$0 * length..<($0 + 1) * length] }
  }
}

struct IndexCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index", abstract: "Makes an index of a data set's test images.")

  @Argument(help: ArgumentHelp("The folder of the data set.", valueName: "data")) var data: String
  @Option(
    help: ArgumentHelp(
      "The folder of a trained autoencoder; the pixels themselves otherwise.", valueName: "run"))
  var model: String?
  @Flag(help: "Sobel-filters the images first; an autoencoder's own training decides otherwise.") var sobel =
    false
  @Option(help: ArgumentHelp("The index.", valueName: "file")) var index: String
  @Flag(help: "Replaces an index that exists.") var force = false

  func run() throws { try reporting(make) }

  private func make() throws {
    let dataset = try DatasetFolder(data).test
    let isFiltered = try model.map { try RunDescription(folder: $0).isSobelFiltered ?? false } ?? sobel
    let description = SearchIndex.Description(
      model: model, isSobelFiltered: isFiltered, imageShape: dataset.imageShape.dimensions)
    let coder = try Coder(description, batchSize: 100)
    let made = try SearchIndex(creating: index, description, replacing: force)
    let plain = DataLoader(dataset, batchSize: coder.batchSize)
    let filtered = DataLoader(isFiltered ? SobelFiltered(dataset) : dataset, batchSize: coder.batchSize)
    let batches = dataset.count.dividedRoundingUp(by: coder.batchSize)
    let bar = ProgressBar(total: batches, unit: "batches")
    for k in 0..<batches {
      let range = k * coder.batchSize..<min(dataset.count, (k + 1) * coder.batchSize)
      let codes = try coder.codes(try filtered.batch(range).images)
      let images = try plain.batch(range)
      try made.add(
        zip(range, codes).map { i, code in
          let sheet = contactSheet(
            images.images.slice(i - range.lowerBound..<i - range.lowerBound + 1, axis: 0), columns: 1)
          let label = dataset.classNames[images.labels[i - range.lowerBound]]
          return (
            SearchIndex.Item(id: i, name: "\(i)", label: label, picture: try sheet.encoded(as: .png)), code
          )
        })
      bar.advance()
    }
    bar.finish()
    try made.finish()
    Terminal.print("\(dataset.count) images in \(index)")
  }
}

struct QueryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "query", abstract: "Finds the images of an index that look most like others.")

  @Argument(help: "Image files.") var images: [String] = []
  @Option(help: ArgumentHelp("Images of the index, by number, as queries.", valueName: "number")) var item:
    [Int] = []
  @Option(help: ArgumentHelp("The index.", valueName: "file")) var index: String
  @Option(help: "Images that are found for each query.") var top = 10
  @Option(help: ArgumentHelp("A picture of each query with what is found.", valueName: "file")) var sheet:
    String?
  @Flag(help: "Replaces a picture that exists.") var force = false
  @Flag(help: "As JSON.") var json = false

  private struct Result: Encodable {
    let query: String
    let found: [Found]

    struct Found: Encodable {
      let id: Int
      let name: String
      let label: String
      let cosine: Float
    }
  }

  func validate() throws {
    if images.isEmpty, item.isEmpty {
      throw ValidationError("Name image files, or items of the index with --item.")
    }
    if top < 1 { throw ValidationError("--top \(top): find at least one.") }
  }

  func run() throws { try reporting(query) }

  private func query() throws {
    let index = try SearchIndex(path: self.index)
    let shape = Shape(index.description.imageShape)
    var rows: [[Tensor<Float>]] = []
    var results: [Result] = []
    func picture(_ item: SearchIndex.Item) throws -> Tensor<Float> {
      // Pictures of an index have a border of two pixels.
      let planes = try Image(decoding: item.picture).planes([shape[0], shape[1] + 4, shape[2] + 4])
      return planes.slice(2..<2 + shape[1], axis: 1).slice(2..<2 + shape[2], axis: 2)
    }
    func find(_ name: String, _ image: Tensor<Float>, _ code: ArraySlice<Float>, excluding: Int?) throws {
      let found = try index.nearest(to: code, count: top, excluding: excluding).map { id, cosine in
        (item: try index.item(id), cosine: cosine)
      }
      rows.append([image] + (try found.map { try picture($0.item) }))
      results.append(
        Result(
          query: name,
          found: found.map {
            .init(id: $0.item.id, name: $0.item.name, label: $0.item.label, cosine: $0.cosine)
          }))
    }
    if !images.isEmpty {
      let coder = try Coder(index.description, batchSize: 1)
      for path in images {
        let planes = try Image(path: path).planes(shape)
        var filtered = planes
        if index.description.isSobelFiltered {
          filtered.withUnsafeMutableBufferPointer { SobelFiltered.apply(to: $0, shape) }
        }
        let code = try coder.codes(filtered.reshaped(Shape([1] + shape.dimensions)))[0]
        try find(path, planes, code, excluding: nil)
      }
    }
    for id in item {
      let item = try index.item(id)
      try find("\(id) (\(item.label))", try picture(item), try index.code(id), excluding: id)
    }
    if let sheet {
      let all = rows.flatMap(\.self).flatMap(\.scalars)
      let images = Tensor(all, shape: Shape([all.count / shape.count] + shape.dimensions))
      try contactSheet(images, columns: top + 1, scale: 2).write(to: sheet, replacing: force)
    }
    if json { return Terminal.print(jsonText(results)) }
    for result in results {
      Terminal.print("\(result.query):")
      for found in result.found {
        Terminal.print(String(format: "  %.4f  \(found.name)  \(found.label)", found.cosine))
      }
    }
  }
}

struct PrecisionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "precision",
    abstract:
      "Says how many of the nearest images are of the same class, every image of the index being a query.")

  @Option(help: ArgumentHelp("The index.", valueName: "file")) var index: String
  @Option(help: "Images that are looked at for each query.") var at = 10
  @Flag(help: "As JSON.") var json = false

  private struct Report: Encodable {
    let at: Int
    let precision: Double
    let images: Int
  }

  func validate() throws {
    if at < 1 { throw ValidationError("--at \(at): look at one at least.") }
  }

  func run() throws {
    try reporting {
      let index = try SearchIndex(path: index)
      let bar = ProgressBar(total: index.count, unit: "queries")
      let precision = index.precision(at: at) { bar.advance() }
      bar.finish()
      Terminal.print(
        json
          ? jsonText(Report(at: at, precision: precision, images: index.count))
          : String(format: "precision at \(at): %.2f %% over \(index.count) images", precision * 100))
    }
  }
}
