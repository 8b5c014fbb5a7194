@_exported import Convolution
@_exported import Imaging
@_exported import Interchange
@_exported import Microkernels
@_exported import Models
@_exported import Networks
@_exported import Tensors
