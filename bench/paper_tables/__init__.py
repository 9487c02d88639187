"""Tables 1 to 6 of the SDB paper (Ye et al., AAAI 2022, arXiv 2112.03695), measured again at a chosen scale.

    python -m bench.paper_tables --scale smoke                                    # minutes, nothing to download
    python -m bench.paper_tables --scale small --data FOLDER                      # hours on a CPU
    python -m bench.paper_tables --scale paper --data FOLDER --second FOLDER --device cuda [--hours 8]
    python -m bench.paper_tables --scale paper --data FOLDER --list               # what would be trained, and no more
    python -m bench.paper_tables --page                                           # the page again, from the results

A table is data (`plan.py`): rows of cells, a cell a teacher, how it was wrapped, the key, a student, a temperature.
What a cell needs is trained once, whichever tables show it, and kept under `--state`: a run that was stopped (Ctrl-C,
`--hours`, a crash) goes on where it was. Results: `bench/results/paper_tables_SCALE.json`, and the page
`paper_tables.md` beside it. Needs torch, torchvision, safetensors, numpy and scikit-learn (pyarrow for parquet).
"""
