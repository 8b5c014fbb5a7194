@_exported import Convolution
@_exported import Microkernels
@_exported import Tensors
