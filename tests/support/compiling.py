"""How are programs compiled quickly? At toy size optimisations cost more than they save."""

# XLA's older generator of loops, on one thread of each test process, compiles in half the time of the newer one.
QUICK = {"xla_cpu_use_fusion_emitters": False, "xla_cpu_parallel_codegen_split_count": 1}
# The same for a process that a test starts.
ENVIRONMENT = {
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "XLA_FLAGS": " ".join(f"--{name}={str(value).lower()}" for name, value in QUICK.items()),
}
