"""Makes the checkpoints beside this file with PyTorch and NumPy: the same numbers in every format."""
import collections, os, pickle, zipfile
import numpy as np, torch

os.chdir(os.path.dirname(os.path.abspath(__file__)))
base = torch.arange(24, dtype=torch.float32) / 4
state = collections.OrderedDict(
    weight=base.reshape(2, 3, 4), turned=base.reshape(4, 6).t(), part=base[5:9],
    half=(base[:6] / 8).half(), bfloat=base[:5].bfloat16(), double=base[:3].double(),
    counter=torch.tensor(7), flags=torch.tensor([True, False, True]), empty=torch.zeros(0, 3),
    parameter=torch.nn.Parameter(base[:4].clone()))
torch.save(state, "zip.pth")
torch.save({"epoch": 3, "state_dict": {"module." + k: v for k, v in state.items()}}, "legacy.pth",
           _use_new_zipfile_serialization=False)
arrays = {"weight": base.numpy().reshape(2, 3, 4), "fortran": np.asfortranarray(base.numpy().reshape(4, 6)),
          "integers": np.arange(5), "scalar": np.float64(2.5)}
np.savez("stored.npz", **arrays)
np.savez_compressed("deflated.npz", **arrays)


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/convolve-was-here",)


torch.save({"weight": base, "evil": Evil()}, "evil.pth")
torch.save({"weight": base, "evil": Evil()}, "evil-legacy.pth", _use_new_zipfile_serialization=False)
