"""The whole of ClimaGuru on one machine: `climaguru up` and `climaguru demo`."""
