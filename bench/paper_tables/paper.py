"""What is known here of the paper itself (arXiv 2112.03695): no figure stands here from memory."""

SOUGHT = """\
The bodies of the paper's six tables were looked for and not found: stored web pages of the paper (arXiv, ar5iv and
others) answer with their beginnings alone, and the authors' repository (JngwenYe/SDB) and KamalEngine hold no
results. A figure of the paper stands below only where this project's notes have it; every other place of the paper
is empty, which says that it was not found, not that there is none. The notes give Table 5 (temperatures) and Table
6 (random keys); what the other four hold is this project's choice: two comparisons of the policies (1 and 2, one
for each data set), the ablations (3), other teachers (4)."""
SETUP = """\
Known of its setup, from stored summaries: CIFAR-10 and CIFAR-100; SDB models by SGD with momentum 0.9, rate 0.1,
200 epochs; T and T_dis 4 on CIFAR-10, 20 on CIFAR-100; lambda 0.5. From the authors' code: batches of 128, rate cut
to a tenth at epochs 80 and 120, decay 5e-4, T* from random weights, Adam for the plain CNN; and, other than in the
text, cross entropies 2:1, lambda 0.9, omega 1, rectified logits in L_aug. The settings here are the presets
`paper-cifar10` and `paper-cifar100` of `sdb_core/settings/presets.py` with each scale's changes."""
DIFFERENCES_TO_SCRATCH = {
    # (table, row, column): points over the student without a teacher. ResNet-18 to CNN on CIFAR-10, from the notes.
    (1, "sdb", "student closed"): -1.42,
    (1, "sdb", "student open"): 1.88,
}
