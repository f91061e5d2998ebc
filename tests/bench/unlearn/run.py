#!/usr/bin/env python3
"""Training steps by unpact and by PyTorch with transformers: the same shapes, dtype, threads and recomputation.

    python tests/bench/unlearn/run.py --program build/default/tests/bench/unlearn/unlearn_bench \
        [--size 110m] [--length 512] [--batch 1] [--steps 4] [--rounds 3] [--threads 2] [--device cpu] [--dtype fp32]
        [--layers N] [--micro-batch N] [--peak-tflops X] [--recompute 0|1|both] [--cpu-time]

A step is forward, cross-entropy on every token but the first, backward, clipping of the gradient's norm to 1, AdamW. The
peer is LlamaForCausalLM with torch.optim.AdamW (fused), gradients set to none, attention by scaled_dot_product_attention;
recomputation is its gradient_checkpointing. Each measurement is a process of its own, rounds alternate the
candidates, the first step of each process is dropped, medians are compared. Shapes and weights' sizes are equal; the
random weights are not, so that losses agree only roughly (both start near ln V).
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
         "max_position_embeddings": 4096, "bos_token_id": 1, "eos_token_id": 2}
SIZES = {
    "tiny": dict(hidden_size=64, intermediate_size=160, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                 vocab_size=512, tie_word_embeddings=True),
    "110m": dict(hidden_size=768, intermediate_size=2048, num_hidden_layers=12, num_attention_heads=12, num_key_value_heads=12,
                 vocab_size=32000, tie_word_embeddings=True),
    "7b": dict(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
               vocab_size=32000, tie_word_embeddings=False),
    "8b": dict(hidden_size=4096, intermediate_size=14336, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=8,
               vocab_size=128256, rope_theta=500000.0, tie_word_embeddings=False),
}


def peer(folder: str, length: int, batch: int, micro_batch: int, steps: int, threads: int, device: str, dtype: str, recompute: bool) -> None:
    import resource
    import time

    import torch
    from transformers import AutoConfig, LlamaForCausalLM

    torch.set_num_threads(threads)
    torch.manual_seed(1)
    with torch.device(device):  # billions of random numbers take a CPU minutes
        model = LlamaForCausalLM._from_config(AutoConfig.from_pretrained(folder), attn_implementation="sdpa").train()
    model.config.use_cache = False
    if recompute:
        model.gradient_checkpointing_enable()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(model.config.vocab_size, (steps, batch, length), generator=generator).to(device)
    seconds, cpu_seconds, losses = [], [], []
    for step in range(steps):
        start, cpu = time.perf_counter(), time.process_time()
        loss = 0.0
        for part in tokens[step].split(micro_batch):
            with torch.autocast(device, torch.bfloat16, enabled=dtype == "bf16"):
                own = model(input_ids=part, labels=part).loss * (len(part) / batch)
            own.backward()
            loss = loss + own.detach()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu)
    parameters = sum(p.numel() for p in model.parameters())
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "losses": losses, "parameters": parameters, "peak_bytes": peak}))


def measure(command: list[str], environment: dict[str, str]) -> dict:
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--size", choices=SIZES, default="110m")
    for name, value in (("length", 512), ("batch", 1), ("steps", 4), ("rounds", 3), ("threads", 2), ("ranks", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--layers", type=int, help="instead of the size's own: as many as fit")
    parser.add_argument("--micro-batch", type=int, help="sequences that run at once; by default the batch")
    parser.add_argument("--peak-tflops", type=float, default=0.0, help="of the device at this dtype: adds the MFU")
    parser.add_argument("--setting", action="append", default=[], help="key=value for unlearn_bench alone")
    parser.add_argument("--recompute", choices=("0", "1", "both"), default="both")
    parser.add_argument("--cpu-time", action="store_true", help="count CPU seconds of the process, for a machine that others use")
    parser.add_argument("--without-peer", action="store_true", help="unpact alone, e.g. with several ranks")
    a = parser.parse_args()
    environment = {**os.environ, "OMP_NUM_THREADS": str(a.threads)}
    with tempfile.TemporaryDirectory() as folder:
        layers = {"num_hidden_layers": a.layers} if a.layers else {}
        micro_batch = a.micro_batch or a.batch
        Path(folder, "config.json").write_text(json.dumps({**LLAMA, **SIZES[a.size], **layers}))
        candidates = {}
        for recompute in ("0", "1") if a.recompute == "both" else (a.recompute,):
            launcher = ["mpirun", "--oversubscribe", "-n", str(a.ranks)] if a.ranks > 1 else []
            candidates[f"unpact, recompute {recompute}"] = [*launcher, a.program, folder, str(a.length), str(a.batch), str(a.steps),
                                                            f"threads={a.threads}", f"device={a.device}", f"dtype={a.dtype}",
                                                            f"recompute={recompute}", f"micro_batch={micro_batch}",
                                                            f"peak_tflops={a.peak_tflops}", *a.setting]
            if not a.without_peer:
                arguments = repr((folder, a.length, a.batch, micro_batch, a.steps, a.threads, a.device, a.dtype, recompute == "1"))
                code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import run; run.peer(*{arguments})"
                candidates[f"PyTorch, recompute {recompute}"] = [sys.executable, "-c", code]
        rates, peaks, mfu, device_name = {name: [] for name in candidates}, {}, {}, a.device
        for _ in range(a.rounds):
            for name, command in candidates.items():
                result = measure(command, environment)
                times = result["cpu_seconds" if a.cpu_time else "seconds"]
                later = times[1:] or times
                rates[name].append(a.length * a.batch / statistics.median(later))
                peaks[name] = result["peak_bytes"]
                if result.get("mfu"):
                    mfu[name] = result["mfu"] * result["seconds"][-1] / statistics.median(later)
                if abs(result["losses"][0] - __import__("math").log(SIZES[a.size]["vocab_size"])) > 1.0:
                    sys.exit(f"{name}: the first loss is {result['losses'][0]}, far from that of a random model")
                device_name = result.get("device", device_name)
                print(f"{name}: {rates[name][-1]:.1f} tokens/s, loss {result['losses'][0]:.4f}", file=sys.stderr)
    summary = {"size": a.size, "parameters": result["parameters"], "length": a.length, "batch": a.batch, "threads": a.threads, "ranks": a.ranks,
               "dtype": a.dtype, "device": a.device, "tokens_per_second": {n: statistics.median(r) for n, r in rates.items()},
               "layers": a.layers, "micro_batch": micro_batch, "device_name": device_name, "mfu": mfu,
               "range": {n: [min(r), max(r)] for n, r in rates.items()}, "peak_bytes": peaks}
    for recompute in ("0", "1"):
        pair = [summary["tokens_per_second"].get(f"{who}, recompute {recompute}") for who in ("unpact", "PyTorch")]
        if all(pair):
            summary[f"ratio, recompute {recompute}"] = pair[0] / pair[1]
    print(json.dumps(summary, indent=1))


if __name__ == "__main__":
    main()
