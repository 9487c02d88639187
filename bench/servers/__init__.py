"""The servers that `bench.serving` sets side by side, each started in processes of its own."""
