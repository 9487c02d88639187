"""Any network at all, as a `.pt2` program of torch.export: `architecture: "program"`.

A captured graph becomes a net like any other: it switches between train and eval (batch norm, dropout), whichever mode
it was captured in, can be given random weights (T0, students), and keeps the exporter's names in its state dict.
Opening one may run code of its maker: read `loading` before you call `read_program`.
"""

from sdb_core.nets.program.loading import Program, read_program

__all__ = ["Program", "read_program"]
